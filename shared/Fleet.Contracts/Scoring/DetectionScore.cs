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
    public double? At50 => Mean(0, 1);

    /// <summary>The mean over overlaps 0.50, 0.55, … 0.95; null when no sample has a true box.</summary>
    public double? At50To95 => Mean(0, Overlaps);

    /// <summary>Takes one sample in.</summary>
    public void Add(IReadOnlyList<DetectedBox> found, IReadOnlyList<TrueBox> truth)
    {
        Samples++;
        foreach (var label in found.Select(box => box.Class).Union(truth.Select(box => box.Class)))
        {
            if (!_classes.TryGetValue(label, out var matches)) _classes[label] = matches = new ClassMatches();
            matches.Add(
                [
                    .. found.Where(box => box.Class == label && float.IsFinite(box.Score))
                        .OrderByDescending(box => box.Score).Take(MaximumBoxes),
                ],
                [.. truth.Where(box => box.Class == label).Select(box => box.Box)]);
        }
    }

    private double? Mean(int first, int count)
    {
        var judged = _classes.Values.Where(matches => matches.Truths > 0).ToArray();
        return judged.Length == 0 ? null : judged.Average(matches => Enumerable.Range(first, count).Average(matches.Precision));
    }

    /// <summary>The boxes of one class over all samples, each with the overlaps at which it was matched.</summary>
    private sealed class ClassMatches
    {
        private readonly List<(float Score, int MatchedAt)> _found = [];

        public int Truths { get; private set; }

        public void Add(DetectedBox[] found, Box[] truth)
        {
            Truths += truth.Length;
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
            for (var i = 0; i < found.Length; i++) _found.Add((found[i].Score, matched[i]));
        }

        /// <summary>Average precision at one overlap.</summary>
        public double Precision(int step)
        {
            // Stable, as COCO's merge sort is: of equal scores the earlier sample counts first.
            var ordered = _found.OrderByDescending(box => box.Score).ToArray();
            var (recall, precision) = (new double[ordered.Length], new double[ordered.Length]);
            var right = 0;
            for (var i = 0; i < ordered.Length; i++)
            {
                if ((ordered[i].MatchedAt & (1 << step)) != 0) right++;
                (recall[i], precision[i]) = ((double)right / Truths, (double)right / (i + 1));
            }
            for (var i = ordered.Length - 1; i > 0; i--) precision[i - 1] = Math.Max(precision[i - 1], precision[i]);

            var (sum, at) = (0.0, 0);
            for (var point = 0; point < RecallPoints; point++)
            {
                while (at < recall.Length && recall[at] < 0.01 * point) at++;
                if (at < recall.Length) sum += precision[at];
            }
            return sum / RecallPoints;
        }
    }
}
