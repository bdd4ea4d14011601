from parcels.cli import main
from parcels.parcel import Parcel
from parcels.report import report


def test_a_report_adds_up_count_weight_and_money():
    parcels = [Parcel(1500, (20, 20, 10)), Parcel(300, (10, 10, 10))]
    assert report(parcels, "north", "north").split("\n") == [
        "north to north",
        "parcels: 2",
        "weight:  1.8 kg",
        "earned:  9.48 EUR",
    ]


def test_the_command_line_tells_prices_and_routes(capsys):
    assert main(["price", "1500", "20x20x10", "south"]) == 0
    assert main(["route", "berlin", "munich"]) == 0
    assert capsys.readouterr().out == (
        "6.31 EUR\nberlin - leipzig - nuremberg - munich (6:25 h)\n"
    )


def test_a_mistake_is_told_in_one_line(capsys):
    assert main(["price", "99999", "20x20x10", "south"]) == 2
    assert capsys.readouterr().out.startswith("parcels: 99999 g is more")
