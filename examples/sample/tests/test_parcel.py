import pytest

from parcels.parcel import Parcel, parse_size


def test_girth_is_the_longest_side_and_once_around_the_others():
    assert Parcel(1000, (60, 40, 30)).girth_cm == 60 + 2 * (40 + 30)


def test_a_large_light_parcel_counts_by_its_volume():
    assert Parcel(100, (50, 40, 30)).volume_g == 12000


@pytest.mark.parametrize("weight_g", [0, -5, 31501])
def test_a_weight_that_is_not_carried_is_refused(weight_g):
    with pytest.raises(ValueError):
        Parcel(weight_g, (10, 10, 10))


def test_a_parcel_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="girth of 360 cm"):
        Parcel(1000, (120, 60, 60))


def test_a_size_is_read_as_people_write_it():
    assert parse_size("60X40x30") == (60, 40, 30)


@pytest.mark.parametrize("text", ["60x40", "axbxc", ""])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="looks like"):
        parse_size(text)
