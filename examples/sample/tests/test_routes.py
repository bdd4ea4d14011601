import pytest

from parcels.routes import hours, neighbours, quickest


def test_the_quickest_way_is_found():
    assert quickest("hamburg", "munich") == (
        525,
        ["hamburg", "hanover", "leipzig", "nuremberg", "munich"],
    )


def test_a_road_leads_both_ways():
    assert neighbours("munich") == {"nuremberg": 105}
    assert neighbours("nuremberg")["munich"] == 105


def test_a_depot_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no depot in atlantis"):
        quickest("hamburg", "atlantis")


def test_a_time_is_told_in_hours():
    assert hours(525) == "8:45 h"
