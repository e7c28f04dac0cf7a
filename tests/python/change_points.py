"""Change points of series by Apache Otava, as JSON: in comes {"name": [values]}.

Out comes, for each name, the best split of the whole series with its gain, and all change points by the
original E-divisive means with a permutation test.
"""

import json
import sys

import numpy
from otava.change_point_divisive.calculator import PairDistanceCalculator
from otava.change_point_divisive.detector import ChangePointDetector
from otava.change_point_divisive.significance_test import PermutationsSignificanceTester


def analysed(values):
    series = numpy.array(values)
    split = PairDistanceCalculator(series).get_candidate_change_point(slice(None, None))
    # At most one of 199 shuffled series may be as good.
    tester = PermutationsSignificanceTester(
        max_pvalue=0.005, permutations=199, calculator=PairDistanceCalculator, seed=1
    )
    detector = ChangePointDetector(significance_tester=tester, calculator=PairDistanceCalculator)
    points = detector.get_change_points(series)
    return {
        "split": int(split.index),
        "gain": float(split.qhat),
        "points": [int(point.index) for point in points],
    }


json.dump({name: analysed(values) for name, values in json.load(sys.stdin).items()}, sys.stdout)
