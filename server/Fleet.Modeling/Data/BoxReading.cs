using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;

namespace Fleet.Modeling.Data;

/// <summary>Makes boxes out of what a file holds, or says which sample speaks against it.</summary>
internal static class BoxReading
{
    /// <summary>Most kinds of things in boxes; each has a score at every position.</summary>
    private const int MaximumKinds = 1000;

    /// <summary>Overlap from which one of two boxes goes, where a spec does not say.</summary>
    private const double UsualOverlap = 0.5;

    /// <summary>Names of the kinds of things in boxes, in the order of their numbers.</summary>
    public static IReadOnlyList<string> KindsOf(DataSpec spec, RawSamples training)
    {
        if (spec.Classes is { } given) return given;
        var largest = BoxesOf(training).Max(box => box.Class);
        return largest switch
        {
            < 0 => throw new BuildException($"{training.Source} has no box in any sample: there is nothing to learn."),
            > MaximumKinds => throw new BuildException(
                $"{training.Source} has a box of class {largest}; classes are counted from 0, to {MaximumKinds} at most."),
            _ => [.. Enumerable.Range(0, (int)largest + 1).Select(number => number.ToString(CultureInfo.InvariantCulture))],
        };
    }

    /// <summary>The boxes of each sample.</summary>
    /// <exception cref="BuildException">Corners are not shares of the image, or a class is not known.</exception>
    public static BoxLabels Boxes(RawSamples raw, IReadOnlyList<string> classes, IReadOnlyList<int> sampleShape, DetectionForm? form)
    {
        var samples = new List<TrueBox>[raw.Labels.Count];
        for (var sample = 0; sample < samples.Length; sample++) samples[sample] = [];
        foreach (var (sample, kind, box) in BoxesOf(raw).Where(found => found.Class >= 0))
        {
            if (kind >= classes.Count)
                throw LabelReading.Refuse(raw, sample, kind, $"boxes are of class 0 to {classes.Count - 1} for {classes.Count} classes.");
            if (!box.HasArea || box is not { Left: >= 0, Top: >= 0, Right: <= 1, Bottom: <= 1 })
                throw new BuildException(string.Create(CultureInfo.InvariantCulture,
                    $"{raw.Source} has the box {box.Left:0.###}, {box.Top:0.###}, {box.Right:0.###}, {box.Bottom:0.###} at "
                        + $"{raw.Where(sample)}; left, top, right and bottom are shares of the image, within 0 and 1 and in this order."));
            samples[sample].Add(new TrueBox(box, (int)kind));
        }
        // The outputs are the student's own, and it leaves overlapping boxes to whoever reads them.
        var own = (form ?? new DetectionForm()) with
        {
            Boxes = DetectionGrid.Boxes,
            Scores = DetectionGrid.Scores,
            Labels = null,
            Background = null,
            MaximumOverlap = form?.MaximumOverlap ?? UsualOverlap,
        };
        return new BoxLabels(samples, DetectionGrid.Over(sampleShape, classes.Count), own);
    }

    private static IEnumerable<(int Sample, long Class, Box Box)> BoxesOf(RawSamples raw)
        => raw.Labels.Values.Chunk(5).Index().Select(found => (found.Index / (raw.Labels.Columns / 5), (long)found.Item[0],
            new Box((float)found.Item[1], (float)found.Item[2], (float)found.Item[3], (float)found.Item[4])));
}
