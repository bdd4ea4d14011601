from parcels.parcel import Parcel
from parcels.storage import load, save


def test_parcels_come_back_as_they_were_saved(tmp_path):
    path = str(tmp_path / "parcels.json")
    parcels = [Parcel(1000, (10, 20, 30)), Parcel(2500, (5, 5, 5), insured_for=70000)]
    save(path, parcels)
    assert load(path) == parcels


def test_no_file_is_no_parcels(tmp_path):
    assert load(str(tmp_path / "none.json")) == []


def test_saving_leaves_nothing_but_the_file(tmp_path):
    save(str(tmp_path / "parcels.json"), [])
    assert [path.name for path in tmp_path.iterdir()] == ["parcels.json"]
