import pytest

from parcels.parcel import Parcel
from parcels.prices import TIERS, calc_cost, cheapest, euros, insurance, tier_price, zone_factor


def test_the_published_tiers_are_these():
    assert TIERS == [(500, 399), (2000, 549), (5000, 749), (10000, 1049), (31500, 1799)]


@pytest.mark.parametrize(("weight_g", "cents"), [(400, 399), (1500, 549), (9000, 1049)])
def test_a_weight_within_a_tier_has_its_price(weight_g, cents):
    assert tier_price(weight_g) == cents


def test_a_parcel_within_its_zone_costs_what_its_tier_costs():
    assert calc_cost(Parcel(1500, (20, 20, 10)), "north", "north") == 549


def test_a_parcel_to_another_zone_costs_more():
    assert calc_cost(Parcel(1500, (20, 20, 10)), "north", "south") == 631


def test_a_large_light_parcel_is_charged_by_its_volume():
    assert calc_cost(Parcel(300, (50, 40, 30)), "east", "east") == 1799


def test_an_island_and_an_insurance_are_added():
    parcel = Parcel(400, (10, 10, 10), insured_for=65000)
    assert calc_cost(parcel, "north", "north", island=True) == 399 + 1250 + 240


@pytest.mark.parametrize(("value", "cents"), [(None, 0), (50000, 0), (50001, 120), (60001, 240)])
def test_insurance_is_charged_by_the_hundred_begun(value, cents):
    assert insurance(value) == cents


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="there are east, north, south, west"):
        zone_factor("north", "middle")


def test_the_cheapest_parcel_is_found():
    light, heavy = Parcel(300, (10, 10, 10)), Parcel(4000, (10, 10, 10))
    assert cheapest([heavy, light], "west", "west") is light
    assert cheapest([], "west", "west") is None


def test_an_amount_is_written_with_two_digits_behind_the_point():
    assert euros(1205) == "12.05 EUR"
