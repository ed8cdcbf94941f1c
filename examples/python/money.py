"""Amounts: whole fen inside, decimal yuan outside, never a float."""
import re


def fen(yuan):
    """12.34 and 12.3 and 12 are 1234, 1230 and 1200; anything else is a ValueError."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", yuan):
        raise ValueError(f"{yuan!r} is no amount in yuan")
    whole, _, cents = yuan.partition(".")
    return int(whole) * 100 + int((cents + "00")[:2])


def yuan(minor):
    """1234 is 12.34."""
    return f"{minor // 100}.{minor % 100:02d}"
