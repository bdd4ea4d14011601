"""Routes between depots: the quickest way over the roads there are."""

import heapq

# Minutes between two depots, both ways.
ROADS = {
    ("hamburg", "hanover"): 95,
    ("hamburg", "berlin"): 175,
    ("hanover", "cologne"): 170,
    ("hanover", "leipzig"): 160,
    ("berlin", "leipzig"): 115,
    ("cologne", "frankfurt"): 115,
    ("leipzig", "nuremberg"): 165,
    ("frankfurt", "nuremberg"): 135,
    ("nuremberg", "munich"): 105,
}


def neighbours(depot):
    """Return the depots next to one, with the minutes it takes."""
    found = {}
    for (one, other), minutes in ROADS.items():
        if depot == one:
            found[other] = minutes
        elif depot == other:
            found[one] = minutes
    return found


def depots():
    """Return all depots by name."""
    return sorted({depot for road in ROADS for depot in road})


def quickest(start, end):
    """Return the minutes of the quickest way and its depots, start and end included."""
    for depot in (start, end):
        if depot not in depots():
            raise ValueError("there is no depot in %s" % depot)
    waiting = [(0, [start])]
    done = set()
    while waiting:
        minutes, way = heapq.heappop(waiting)
        if way[-1] == end:
            return minutes, way
        if way[-1] in done:
            continue
        done.add(way[-1])
        for depot, more in neighbours(way[-1]).items():
            heapq.heappush(waiting, (minutes + more, way + [depot]))
    raise ValueError("no road leads from %s to %s" % (start, end))


def hours(minutes):
    """Return a time as people say it."""
    return "%d:%02d h" % (minutes // 60, minutes % 60)
