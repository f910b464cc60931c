namespace Fleet.Contracts.Scoring;

/// <summary>
/// Mean average precision as COCO measures it (https://cocodataset.org/#detection-eval): boxes are matched greedily by falling
/// score, each with the unmatched true box of its class that it overlaps most; precision is made to fall and read at 101 points
/// of recall; classes that have a true box count the same. Samples are added one by one, so that no output need be kept.
/// </summary>
public sealed class DetectionScore
{
    /// <summary>Boxes of a class and sample that are looked at.</summary>
    public const int MaximumBoxes = 100;

    private const int RecallPoints = 101;
    private const int Overlaps = 10;

    private readonly Dictionary<int, ClassMatches> _classes = [];

    /// <summary>Samples taken in.</summary>
    public int Samples { get; private set; }

    /// <summary>Mean average precision at an overlap of one half; null when no sample has a true box.</summary>
    public double? At50 => Of(SampleWeights.Equal)?.At50;

    /// <summary>The mean over overlaps 0.50, 0.55, … 0.95; null when no sample has a true box.</summary>
    public double? At50To95 => Of(SampleWeights.Equal)?.At50To95;

    /// <summary>Both, each sample as often as it counts; null when none that counts has a true box. Grows with the boxes found.</summary>
    public (double At50, double At50To95)? Of(SampleWeights weights)
    {
        double[][] judged = [
            .. _classes.Values.Where(matches => matches.Truths(weights) > 0).Select(matches => matches.Precisions(weights)),
        ];
        return judged.Length == 0 ? null : (judged.Average(steps => steps[0]), judged.Average(steps => steps.Average()));
    }

    /// <summary>Takes one sample in.</summary>
    public void Add(IReadOnlyList<DetectedBox> found, IReadOnlyList<TrueBox> truth)
    {
        foreach (var label in found.Select(box => box.Class).Union(truth.Select(box => box.Class)))
        {
            if (!_classes.TryGetValue(label, out var matches)) _classes[label] = matches = new ClassMatches();
            matches.Add(Samples,
                [
                    .. found.Where(box => box.Class == label && float.IsFinite(box.Score))
                        .OrderByDescending(box => box.Score).Take(MaximumBoxes),
                ],
                [.. truth.Where(box => box.Class == label).Select(box => box.Box)]);
        }
        Samples++;
    }

    /// <summary>The boxes of one class over all samples, each with the overlaps at which it was matched.</summary>
    private sealed class ClassMatches
    {
        private readonly List<(float Score, int MatchedAt, int Sample)> _found = [];
        private readonly List<(int Sample, int Count)> _truths = [];
        private readonly List<(long Right, double Precision)>[] _curves = [
            .. Enumerable.Range(0, Overlaps).Select(_ => new List<(long, double)>()),
        ];
        private bool _ordered = true;

        /// <summary>True boxes, each as often as its sample counts.</summary>
        public long Truths(SampleWeights weights) => _truths.Sum(one => (long)weights[one.Sample] * one.Count);

        public void Add(int sample, DetectedBox[] found, Box[] truth)
        {
            if (truth.Length > 0) _truths.Add((sample, truth.Length));
            var matched = new int[found.Length];
            var overlaps = new double[found.Length, truth.Length];
            for (var i = 0; i < found.Length; i++)
            {
                for (var j = 0; j < truth.Length; j++) overlaps[i, j] = found[i].Box.Overlap(truth[j]);
            }
            for (var step = 0; step < Overlaps; step++)
            {
                var taken = new bool[truth.Length];
                for (var i = 0; i < found.Length; i++)
                {
                    var (best, most) = (-1, 0.5 + 0.05 * step);
                    for (var j = 0; j < truth.Length; j++)
                    {
                        if (!taken[j] && overlaps[i, j] >= most) (best, most) = (j, overlaps[i, j]);
                    }
                    if (best < 0) continue;
                    taken[best] = true;
                    matched[i] |= 1 << step;
                }
            }
            for (var i = 0; i < found.Length; i++) _found.Add((found[i].Score, matched[i], sample));
            _ordered = false;
        }

        /// <summary>Average precision at each overlap.</summary>
        public double[] Precisions(SampleWeights weights)
        {
            var truths = Truths(weights);
            var seen = 0L;
            foreach (var curve in _curves) curve.Clear();
            foreach (var (_, matchedAt, sample) in Ordered())
            {
                var times = weights[sample];
                seen += times;
                if (times == 0) continue;
                // Precision is highest, and recall grows, where a box is right.
                for (var step = 0; step < Overlaps; step++)
                {
                    if ((matchedAt & (1 << step)) == 0) continue;
                    var right = times + (_curves[step].Count > 0 ? _curves[step][^1].Right : 0);
                    _curves[step].Add((right, (double)right / seen));
                }
            }
            return Array.ConvertAll(_curves, curve => Average(curve, truths));
        }

        private static double Average(List<(long Right, double Precision)> curve, long truths)
        {
            for (var i = curve.Count - 1; i > 0; i--)
                curve[i - 1] = curve[i - 1] with { Precision = Math.Max(curve[i - 1].Precision, curve[i].Precision) };
            var (sum, at) = (0.0, 0);
            for (var point = 0; point < RecallPoints; point++)
            {
                while (at < curve.Count && (double)curve[at].Right / truths < 0.01 * point) at++;
                if (at < curve.Count) sum += curve[at].Precision;
            }
            return sum / RecallPoints;
        }

        /// <summary>By falling score; stable, as COCO's merge sort is: of equal scores the earlier sample counts first.</summary>
        private List<(float Score, int MatchedAt, int Sample)> Ordered()
        {
            if (_ordered) return _found;
            (var sorted, _ordered) = (_found.OrderByDescending(box => box.Score).ToArray(), true);
            _found.Clear();
            _found.AddRange(sorted);
            return _found;
        }
    }
}
