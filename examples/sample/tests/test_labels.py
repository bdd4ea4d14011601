import pytest

from parcels.labels import check_digit, is_parcel_number, label, parcel_number
from parcels.zones import zone_of


def test_a_parcel_number_has_a_check_digit():
    assert parcel_number(1234) == "0000001234-8"
    assert is_parcel_number("0000001234-8")


@pytest.mark.parametrize("text", ["0000001243-8", "0000001234", "abc-8", "12-x"])
def test_a_wrong_parcel_number_is_noticed(text):
    assert not is_parcel_number(text)


def test_the_check_digit_of_nothing_is_nothing():
    assert check_digit(0) == 0


def test_a_label_has_address_zone_and_number():
    assert label(7, "A. Schmidt", "Am Markt 1", "80331", "Munich").split("\n") == [
        "A. Schmidt",
        "Am Markt 1",
        "80331 Munich             [south]",
        "=" * 32,
        "No. 0000000007-9",
    ]


def test_a_label_for_an_island_says_so():
    assert "*** ISLAND ***" in label(7, "A", "B", "27498", "Helgoland")


def test_a_postcode_has_five_digits():
    with pytest.raises(ValueError, match="five digits"):
        zone_of("123")
