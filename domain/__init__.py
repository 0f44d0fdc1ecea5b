"""What the regulation says. Pure: no SQL, no click, no clock, no file."""
