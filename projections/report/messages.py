"""Every text of the report page, in English and Chinese; words as in ``docs/glossary.md``."""

from typing import Final, Literal

Lang = Literal["en", "zh"]
LANGUAGES: Final[tuple[Lang, ...]] = ("en", "zh")

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    # the top
    "report_of": ("Ledger report", "账簿报告"),
    "entity": ("Entity", "重点排放单位"),
    "registry": ("Registry", "登记簿"),
    "sector": ("Sector", "行业"),
    "province": ("Province", "省份"),
    "uscc": ("Social credit code", "统一社会信用代码"),
    "status_of_entity": ("Status of the entity", "单位状态"),
    "rulebook": ("Rulebook in force", "适用规则手册"),
    "rulebook_is": (
        "{name} {version}, SHA-256 {hash}",
        "{name} {version},SHA-256 {hash}",
    ),
    "clocks_title": ("What this page answers", "本报告回答的问题"),
    "clocks": (
        (
            "Every figure on this page counts the facts that had taken effect by {as_of}, as the "
            "books knew them at position {position} of the log, which was recorded at {recorded}. "
            "What took effect later, or was recorded later, is not in it. All times are those of "
            "Beijing (+08:00); quantities are whole tonnes of CO2 equivalent."
        ),
        (
            "本页所有数字均以两个时间为准：截至 {as_of} 已经生效的事实，"
            "且以账簿日志第 {position} 号（登记于 {recorded}）时所知为限。"
            "此后才生效或此后才登记的事实不计入。"
            "时间均为北京时间（+08:00）；数量单位为吨二氧化碳当量，取整数。"
        ),
    ),
    "clock_as_of": ("As of (effective time)", "截至（生效时间）"),
    "clock_known": ("Known at (recorded time)", "所知截至（登记时间）"),
    "position": ("position", "序号"),
    "position_n": (
        "position {position}, recorded {recorded}",
        "第 {position} 号，登记于 {recorded}",
    ),
    "end_of": ("end of {date}", "{date} 日终"),
    # key numbers
    "held": ("Held", "持有量"),
    "available": ("Available", "可用量"),
    "obligation_of": ("Obligation {year}", "{year} 年应清缴量"),
    "outstanding_of": ("Outstanding {year}", "{year} 年未清缴量"),
    "status_of": ("Status {year}", "{year} 年履约状态"),
    "issued": ("Issued", "发放量"),
    "retired": ("Surrendered and retired", "已清缴注销"),
    "entities": ("Entities", "单位数"),
    # holdings
    "holdings": ("Holdings", "持有情况"),
    "no_holdings": ("No units are held.", "未持有任何配额。"),
    "account": ("Account", "账户"),
    "unit": ("Unit", "配额种类"),
    "quantity": ("Quantity", "数量"),
    "frozen": ("Frozen", "司法冻结"),
    "pledged": ("Pledged", "质押"),
    "pending": ("Pending", "待审核"),
    "restricted": ("Restricted", "限制使用"),
    "total": ("Total", "合计"),
    "holdings_over_time": ("Holdings over time", "持有量变化"),
    "holdings_over_time_is": (
        "Tonnes held at the end of each day on which something moved, by unit.",
        "每个有变动之日日终的持有量（吨），按配额种类。",
    ),
    "in_circulation": ("Units in circulation over time", "存续配额变化"),
    "in_circulation_is": (
        "Tonnes issued and neither retired nor cancelled nor converted, by unit.",
        "已发放且未清缴、未注销、未结转的配额（吨），按配额种类。",
    ),
    "supply": ("Supply", "配额总量"),
    "authority": ("Authority", "主管部门"),
    "provinces": ("Provinces", "省级账户"),
    "holding": ("Holders", "持有账户"),
    "reserve": ("Reserve", "储备"),
    "cancelled": ("Cancelled", "自愿注销"),
    "converted_in": ("Converted in", "结转转入"),
    "converted_out": ("Converted out", "结转转出"),
    "balanced": ("Balances", "平衡"),
    "yes": ("yes", "是"),
    "no": ("NO", "否"),
    "supply_is": (
        (
            "Issued and converted in = authority + provinces + holders + reserve + retired + "
            "cancelled + converted out."
        ),
        (
            "发放量 + 结转转入 = 主管部门 + 省级账户 + 持有账户 + 储备 + 已清缴注销 + "
            "自愿注销 + 结转转出。"
        ),
    ),
    # compliance
    "compliance": ("Obligation against surrender", "应清缴量与清缴情况"),
    "no_compliance": ("No compliance year is on record.", "没有履约年度的记录。"),
    "year": ("Year", "履约年度"),
    "verified": ("Verified emissions", "经核查排放量"),
    "entitlement": ("Entitlement", "核定配额"),
    "obligation": ("Obligation", "应清缴量"),
    "surrendered": ("Surrendered", "已清缴"),
    "offsets": ("Offsets", "抵销"),
    "green_power": ("Green power", "绿电"),
    "outstanding": ("Outstanding", "未清缴量"),
    "open": ("Outstanding, nothing submitted", "未清缴（未提交）"),
    "deadline": ("Deadline", "清缴截止时间"),
    "status": ("Status", "履约状态"),
    "fine": ("Fine (CNY)", "罚款（元）"),
    "how_met": ("The obligation and how it was met", "应清缴量的履行情况"),
    "how_met_is": (
        "Tonnes by compliance year; a whole bar is the obligation.",
        "按履约年度（吨）；整条为应清缴量。",
    ),
    "by_status": ("Entities by status", "按履约状态统计的单位数"),
    "left_out_rows": (
        "{shown} of {all} rows are shown: first those that are not compliant.",
        "共 {all} 行，列出 {shown} 行，未履约者在前。",
    ),
    # allocation
    "allocation": ("Allocation, line by line", "配额核算明细"),
    "no_allocation": ("No allocation is on record.", "没有配额分配的记录。"),
    "allocation_of": ("{year}, {unit}", "{year} 年度，{unit}"),
    "final_by": (
        "Final: by command {command}, position {position}.",
        "已最终核定：指令 {command}，第 {position} 号。",
    ),
    "in_place_of": ("It stands in place of command {command}.", "取代指令 {command}。"),
    "not_final": (
        "Not final: what is on record would give this.",
        "尚未最终核定：以下按现有记录试算。",
    ),
    "not_computed": ("Not final, and not to be computed yet.", "尚未最终核定，目前无法核算。"),
    "restated_since": (
        "The report was restated since.",
        "此后排放报告已更正。",
    ),
    "is_draft": ("Rests on a DRAFT for comment.", "依据征求意见稿。"),
    "line": ("Unit or line", "机组或生产线"),
    "class": ("Class or product", "机组类别或产品"),
    "emissions": ("Emissions (t)", "排放量（吨）"),
    "electricity_mwh": ("Electricity (MWh)", "供（发）电量（MWh）"),
    "heat_gj": ("Heat (GJ)", "供热量（GJ）"),
    "output_t": ("Output (t)", "产量（吨）"),
    "intensity": ("Intensity", "碳排放强度"),
    "benchmark": ("Benchmark", "基准值"),
    "heat_benchmark": ("Heat benchmark", "供热基准值"),
    "factor": ("Factor", "修正系数"),
    "electricity": ("For electricity", "电量配额"),
    "heat": ("For heat", "热量配额"),
    "amount": ("Amount (t)", "配额（吨）"),
    "rule": ("Rule", "规则"),
    "source": ("Source", "依据"),
    "step_subtotal": ("Sum of the lines", "各行合计"),
    "step_computed": ("What the rulebook computes", "按规则手册核算"),
    "step_approved": ("The authority's figure", "主管部门核定量"),
    "step_adjustment": ("Adjustment {rule}", "调整 {rule}"),
    "step_entitlement": ("Entitlement", "核定配额"),
    "step_pre_allocated": ("less pre-allocated", "减：预分配"),
    "step_deductions": ("less deducted", "减：核减"),
    "step_deduction": (
        "deduction {deduction}: {remaining} t remain",
        "核减 {deduction}：余 {remaining} 吨",
    ),
    "step_difference": ("Difference", "差额"),
    "step_recalled": ("of it recalled", "其中已收回"),
    "step_recall_open": ("of it still to be recalled", "其中待收回"),
    "handed_out": ("to be handed out at the end", "多退少补：补发"),
    "to_recall": ("to be recalled", "多退少补：收回"),
    "gap_is": ("gap rate {rate} % of verified emissions", "缺口率 {rate} %（占经核查排放量）"),
    "documents": ("Documents cited", "所引文件"),
    "mark_adopted": (
        "[ADOPTED]: this ledger's own choice where the texts are silent or contradict each other.",
        "[ADOPTED]：文件未作规定或相互矛盾之处，由本账簿自行选定。",
    ),
    "mark_draft": (
        "DRAFT: a text for comment; the final text may differ.",
        "DRAFT：征求意见稿，最终文本可能不同。",
    ),
    "mark_unsourced": (
        "[unsourced]: remembered by practitioners; no text at hand.",
        "[unsourced]：从业者所述，手头没有文本。",
    ),
    # movements
    "movements": ("Movements", "变动明细"),
    "no_movements": ("Nothing moved.", "没有变动。"),
    "movements_left": (
        (
            "The latest {shown} of {all} movements are listed; etsledger statement and etsledger "
            "events list them all."
        ),
        (
            "共 {all} 笔变动，列出最近 {shown} 笔；全部变动见 etsledger statement 与 "
            "etsledger events。"
        ),
    ),
    "movements_by_type": ("Movements by kind", "按类型汇总的变动"),
    "count": ("Number", "笔数"),
    "effective": ("Effective", "生效时间"),
    "recorded": ("Recorded", "登记时间"),
    "what": ("What", "事项"),
    "change": ("Change", "变动量"),
    "balance": ("Balance", "余额"),
    "counterparty": ("Counterparty", "对方账户"),
    "from": ("From", "转出"),
    "to": ("To", "转入"),
    "document": ("Document, command", "文件、指令"),
    # facts out of order
    "late": ("Back-dated facts", "补录事实"),
    "late_is": (
        (
            "Recorded after they took effect: at an earlier recorded time the books answered "
            "without them."
        ),
        "登记时间晚于生效时间：在登记之前查询，账簿的回答不含这些事实。",
    ),
    "no_late": (
        "None: every fact was recorded when it took effect.",
        "无：每项事实均在生效时登记。",
    ),
    "late_left": ("The latest {shown} of {all} are listed.", "共 {all} 项，列出最近 {shown} 项。"),
    "lag": ("Lag", "滞后"),
    "days": ("{days} days", "{days} 天"),
    "restated": ("Restated facts", "更正事实"),
    "restated_is": (
        (
            "Facts that stand in place of earlier ones. The earlier ones remain in the log and are "
            "what the books answer for any time before the restatement was recorded."
        ),
        "取代先前事实的事实。先前的事实仍保留在日志中；在更正登记之前的时点查询，账簿仍以其作答。",
    ),
    "no_restated": (
        "None: nothing was restated, re-approved or reversed.",
        "无：没有更正、重新核定或冲回。",
    ),
    "periods": ("Closed periods", "结账期间"),
    "periods_is": (
        (
            "What takes effect up to the end of a closed day may be recorded later only with the "
            "authority that allows it; it is listed in the period in which it was recorded."
        ),
        "已结账日期之前生效的事实，此后须经有权机关批准方可登记，并列入其登记所在的期间。",
    ),
    "period": ("Period", "期间"),
    "period_closed": ("closed", "已结账"),
    "period_reopened": ("opened again from the day after", "自次日起反结账"),
    "period_open": ("open", "未结账"),
    "to_end_of": ("up to {date}", "至 {date}"),
    "from_on": ("from {date} on", "自 {date} 起"),
    "from_to": ("{since} to {until}", "{since} 至 {until}"),
    "opened_again_at": ("opened again at position {position}", "于第 {position} 号反结账"),
    "late_facts": ("Late facts", "逾期补录"),
    "approved_by": ("Approved by", "批准人"),
    "replaces": ("In place of", "取代"),
    "before": ("Before", "原值"),
    "after": ("After", "新值"),
    # trust
    "trust": ("How to check this page", "如何核验本报告"),
    "trust_is": (
        (
            "The log of these books is a chain: the head below stands for every event up to "
            "position {position}. Save it as head.json; whoever holds the books can be asked to run"
        ),
        (
            "账簿日志为哈希链：以下链头代表截至第 {position} 号的全部事件。将其存为 head.json，"
            "请账簿持有人运行"
        ),
    ),
    "trust_proves": (
        (
            "It recomputes every hash and compares: nothing up to there was changed, removed or "
            "put in since. The page itself is made again, byte for byte, by"
        ),
        (
            "该命令重新计算全部哈希并比对：此前的内容自此未被更改、删除或插入。"
            "以下命令可逐字节重新生成本页："
        ),
    ),
    "trust_limits": (
        "The head proves that the log is the same one, not that what was recorded in it is true.",
        "链头证明日志未变，但不证明所登记的内容真实。",
    ),
    "hash": ("Hash of the last event", "末事件哈希"),
    "root": ("Merkle root", "默克尔根"),
}

STATUSES: Final[dict[str, tuple[str, str]]] = {
    "NOT_DUE": ("not due", "未到期"),
    "OPEN": ("open", "待清缴"),
    "PARTIAL": ("partly met", "部分清缴"),
    "COMPLIANT": ("compliant", "已履约"),
    "LATE_COMPLIANT": ("compliant, late", "逾期履约"),
    "PENDING": ("awaiting confirmation", "待审核"),
    "NON_COMPLIANT": ("not compliant", "未履约"),
    "EXEMPT": ("exempt", "免于履约"),
}

WORDS: Final[dict[str, tuple[str, str]]] = {
    # sectors
    "power": ("power", "发电"),
    "steel": ("steel", "钢铁"),
    "cement": ("cement", "水泥"),
    "aluminium": ("aluminium", "铝冶炼"),
    "industry": ("industry", "工业"),
    "other": ("other", "其他"),
    # statuses of an entity
    "active": ("active", "正常"),
    "at_risk": ("at risk", "履约风险"),
    "shut": ("shut", "关停"),
    "dissolved": ("dissolved", "注销"),
    # accounts
    "authority": ("authority", "主管部门"),
    "retired": ("retired", "清缴注销"),
    "cancelled": ("cancelled", "自愿注销"),
    "reserve": ("reserve", "储备"),
    "issuance": ("issuance", "发放"),
    "converted-in": ("converted in", "结转转入"),
    "converted-out": ("converted out", "结转转出"),
    # classes of generating units
    "conventional_coal": ("conventional coal", "常规燃煤"),
    "unconventional_coal": ("unconventional coal", "非常规燃煤"),
    "gas": ("gas", "燃气"),
}

EVENTS: Final[dict[str, tuple[str, str]]] = {
    "RegistryOpened": ("registry opened", "登记簿开立"),
    "RulebookAdopted": ("rulebook adopted", "采用规则手册"),
    "EntityRegistered": ("entity registered", "单位登记"),
    "EntityStatusSet": ("status of the entity set", "单位状态变更"),
    "EntityLeft": ("entity left", "单位转出"),
    "AccountOpened": ("account opened", "开户"),
    "AccountClosed": ("account closed", "销户"),
    "AccountFrozen": ("frozen", "司法冻结"),
    "AccountUnfrozen": ("unfrozen", "解除冻结"),
    "UnitsPledged": ("pledged", "质押"),
    "PledgeReleased": ("pledge released", "解除质押"),
    "OpeningBalanceRecorded": ("opening balance", "期初余额"),
    "UnitsIssued": ("issued", "发放"),
    "UnitsDistributed": ("distributed", "分发"),
    "UnitsReserved": ("put in reserve", "转入储备"),
    "UnitsTransferred": ("transferred", "划转"),
    "UnitsCancelled": ("cancelled", "自愿注销"),
    "SurrenderSubmitted": ("surrender submitted", "提交清缴"),
    "SurrenderConfirmed": ("surrender confirmed", "清缴确认"),
    "SurrenderRejected": ("surrender rejected", "清缴退回"),
    "EmissionsVerified": ("emissions verified", "排放量核查"),
    "BalanceValuePublished": ("balance value published", "公布平衡值"),
    "AllowancesPreAllocated": ("pre-allocated", "预分配"),
    "AllocationFinalised": ("allocation finalised", "配额最终核定"),
    "RecallCollected": ("recalled", "收回"),
    "DeductionRecorded": ("deduction recorded", "核减登记"),
    "UnitsBorrowed": ("borrowed", "预支"),
    "BankingCapChecked": ("banking cap checked", "最大可结转量核算"),
    "UnitsCarriedOver": ("carried over", "结转"),
    "ComplianceAssessed": ("compliance assessed", "履约评定"),
    "FineImposed": ("fine imposed", "罚款"),
    "UnitsAuctioned": ("auctioned", "有偿分配"),
    "CreditsIssued": ("credits issued", "减排量签发"),
    "CreditsLocked": ("credits locked", "减排量锁定"),
    "CreditsUnlocked": ("credits unlocked", "减排量解锁"),
    "CreditsCancelled": ("credits cancelled", "减排量注销"),
    "OffsetsUsed": ("offsets used", "抵销清缴"),
    "GreenPowerRecorded": ("green power recorded", "绿电登记"),
    "MarketDayRecorded": ("market day recorded", "行情登记"),
    "TradeSettled": ("trade settled", "交易结算"),
    "MovementReversed": ("reversed", "冲回"),
    "BalanceAsserted": ("balance asserted", "余额核对"),
    "ReconciliationRecorded": ("reconciled with a statement", "对账"),
    "EntityAmended": ("particulars of the entity changed", "单位信息变更"),
    "EntitySucceeded": ("entity succeeded", "单位合并、分立"),
    "OpeningYearRecorded": ("opening year", "期初年度"),
    "OpeningBankingRecorded": ("opening of carrying over", "期初结转"),
    "ActorRegistered": ("actor registered", "操作人登记"),
    "RoleGranted": ("role granted", "授予角色"),
    "RoleRevoked": ("role revoked", "收回角色"),
    "ProposalMade": ("proposed", "提出申请"),
    "ProposalApproved": ("proposal approved", "复核通过"),
    "ProposalExecuted": ("proposal executed", "申请执行"),
    "ProposalRejected": ("proposal rejected", "复核退回"),
    "CounterpartyTrusted": ("counterparty trusted", "列为受信任对手方"),
    "CounterpartyDistrusted": ("counterparty trusted no more", "移出受信任对手方"),
    "PeriodClosed": ("period closed", "结账"),
    "PeriodReopened": ("period opened again", "反结账"),
}


class Words:
    """The texts of one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self._at = LANGUAGES.index(lang)

    def __call__(self, key: str, **fields: object) -> str:
        """A text by its key."""
        return _TEXTS[key][self._at].format(**fields)

    def status(self, status: str) -> str:
        """A compliance status; an unknown one as it is."""
        return self._of(STATUSES, status)

    def event(self, kind: str) -> str:
        """What an event type means; an unknown one as it is."""
        return self._of(EVENTS, kind)

    def period(self, since: str | None, until: str | None) -> str:
        """The days of a period; without its first or its last one."""
        if since is None:
            return self("to_end_of", date=until)
        return self("from_on", date=since) if until is None else self(
            "from_to", since=since, until=until
        )  # fmt: skip

    def word(self, word: str | None) -> str:
        """A word of the books, where it is one of theirs and not of a user."""
        return "" if word is None else self._of(WORDS, word)

    def _of(self, table: dict[str, tuple[str, str]], key: str) -> str:
        return table[key][self._at] if key in table else key
