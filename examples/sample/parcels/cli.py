"""The command line."""

from __future__ import print_function
import argparse
from parcels.routes import hours, quickest
from parcels.prices import calc_cost, euros
from parcels.parcel import Parcel, parse_size


def parser():
    top = argparse.ArgumentParser(prog="parcels")
    commands = top.add_subparsers(dest="command", required=True)
    price = commands.add_parser("price", help="what a parcel costs")
    price.add_argument("weight_g", type=int)
    price.add_argument("size", type=parse_size)
    price.add_argument("zone")
    price.add_argument("--from", dest="sender", default="north")
    route = commands.add_parser("route", help="the quickest way between two depots")
    route.add_argument("start")
    route.add_argument("end")
    return top


def main(arguments):
    """Run a command; return the exit code."""
    chosen = parser().parse_args(arguments)
    try:
        if chosen.command == "price":
            parcel = Parcel(weight_g=chosen.weight_g, size_cm=chosen.size)
            print(euros(calc_cost(parcel, chosen.sender, chosen.zone)))
        else:
            minutes, way = quickest(chosen.start, chosen.end)
            print("%s (%s)" % (" - ".join(way), hours(minutes)))
    except ValueError as error:
        print("parcels: %s" % error)
        return 2
    return 0
