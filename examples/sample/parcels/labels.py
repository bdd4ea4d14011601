"""Labels: what is printed on a parcel."""

from parcels.zones import is_remote, zone_of

WIDTH = 32


def check_digit(number):
    """Return the digit that makes a parcel number proof against one wrong digit (modulo 10)."""
    total = 0
    for index, digit in enumerate(reversed(str(number))):
        total += int(digit) * (3 if index % 2 == 0 else 1)
    return -total % 10


def parcel_number(counter):
    """Return the number that is printed below the bars."""
    return "%010d-%d" % (counter, check_digit(counter))


def is_parcel_number(text):
    """Return whether a text is a parcel number whose digit is right."""
    number, dash, digit = text.partition("-")
    if not dash or not number.isdigit() or not digit.isdigit():
        return False
    return int(digit) == check_digit(int(number))


def address_line(postcode, town):
    """Return the last line of an address, with the zone behind it."""
    line = "%s %s" % (postcode, town)
    return "%-24s [%s]" % (line, zone_of(postcode))


def label(counter, name, street, postcode, town):
    """Return the label of a parcel, line by line."""
    lines = ["%s" % name, "%s" % street, address_line(postcode, town)]
    if is_remote(postcode):
        lines.append("*** %s ***" % "ISLAND")
    lines.append("=" * WIDTH)
    lines.append("No. %s" % parcel_number(counter))
    return "\n".join(lines)
