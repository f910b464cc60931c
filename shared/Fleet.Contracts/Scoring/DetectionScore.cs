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
    public double? At50 => At50Of(SampleWeights.Equal);

    /// <summary>The mean over overlaps 0.50, 0.55, … 0.95; null when no sample has a true box.</summary>
    public double? At50To95 => At50To95Of(SampleWeights.Equal);

    /// <summary>The same as <see cref="At50"/>, each sample as often as it counts.</summary>
    public double? At50Of(SampleWeights weights) => Mean(0, 1, weights);

    /// <summary>The same as <see cref="At50To95"/>, each sample as often as it counts.</summary>
    public double? At50To95Of(SampleWeights weights) => Mean(0, Overlaps, weights);

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

    private double? Mean(int first, int count, SampleWeights weights)
    {
        var judged = _classes.Values.Where(matches => matches.Truths(weights) > 0).ToArray();
        return judged.Length == 0
            ? null
            : judged.Average(matches => Enumerable.Range(first, count).Average(step => matches.Precision(step, weights)));
    }

    /// <summary>The boxes of one class over all samples, each with the overlaps at which it was matched.</summary>
    private sealed class ClassMatches
    {
        private readonly List<(float Score, int MatchedAt, int Sample)> _found = [];
        private readonly List<(int Sample, int Count)> _truths = [];
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

        /// <summary>Average precision at one overlap.</summary>
        public double Precision(int step, SampleWeights weights)
        {
            var ordered = Ordered();
            var truths = Truths(weights);
            var (recall, precision) = (new double[ordered.Count], new double[ordered.Count]);
            var (right, seen) = (0L, 0L);
            for (var i = 0; i < ordered.Count; i++)
            {
                var times = weights[ordered[i].Sample];
                seen += times;
                if ((ordered[i].MatchedAt & (1 << step)) != 0) right += times;
                (recall[i], precision[i]) = ((double)right / truths, (double)right / Math.Max(1, seen));
            }
            for (var i = ordered.Count - 1; i > 0; i--) precision[i - 1] = Math.Max(precision[i - 1], precision[i]);

            var (sum, at) = (0.0, 0);
            for (var point = 0; point < RecallPoints; point++)
            {
                while (at < recall.Length && recall[at] < 0.01 * point) at++;
                if (at < recall.Length) sum += precision[at];
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
