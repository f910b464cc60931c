using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Makes boxes of a detector's outputs, the same on server and device.</summary>
public static class DetectionReader
{
    /// <summary>
    /// Most boxes of one sample that are compared with each other, those of the highest scores; the number of comparisons grows with its
    /// square.
    /// </summary>
    public const int MaximumCandidates = 1000;

    /// <summary>The boxes of one sample, the highest score first; values that span no area are not boxes.</summary>
    /// <param name="form">How they are made.</param>
    /// <param name="boxes">Four values for each box.</param>
    /// <param name="scores">One score for each box, or one for each box and class.</param>
    /// <param name="labels">The class of each box; empty when the scores have a column for each class, or there is one class.</param>
    /// <exception cref="FormatException">The outputs do not belong to each other.</exception>
    public static IReadOnlyList<DetectedBox> Read(
        DetectionForm form, ReadOnlySpan<float> boxes, ReadOnlySpan<float> scores, ReadOnlySpan<long> labels)
    {
        var count = boxes.Length / 4;
        if (boxes.Length % 4 != 0 || (count > 0 && scores.Length % count != 0) || (labels.Length > 0 && labels.Length != count))
            throw new FormatException(
                $"{boxes.Length} box corners, {scores.Length} scores and {labels.Length} labels do not belong to the same boxes.");
        var columns = count == 0 ? 0 : scores.Length / count;
        if (columns > 1 && labels.Length > 0)
            throw new FormatException(
                $"The scores have {columns} columns for each box beside an output of labels; one of the two says the class.");

        var found = new List<DetectedBox>();
        for (var i = 0; i < count; i++)
        {
            var box = new Box(boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]);
            if (!box.HasArea) continue;
            for (var column = 0; column < columns; column++)
            {
                // Not "below": a score that is not a number is left out as well.
                if (column == form.Background || !(scores[i * columns + column] >= form.MinimumScore)) continue;
                var label = labels.Length > 0
                    ? (int)Math.Clamp(labels[i], int.MinValue, int.MaxValue)
                    : form.Background < column
                    ? column - 1
                    : column;
                found.Add(new DetectedBox(box, label, scores[i * columns + column]));
            }
        }
        // OrderBy is stable: of equal scores the first box stays first, on every machine.
        var ordered = found.OrderByDescending(box => box.Score);
        return form.MaximumOverlap is { } most
            ? Suppress([.. ordered.Take(MaximumCandidates)], most, form.MaximumBoxes)
            : [.. ordered.Take(form.MaximumBoxes)];
    }

    /// <summary>The true boxes of one sample out of the arrays of a validation set.</summary>
    /// <param name="boxes">Four values for each box.</param>
    /// <param name="labels">The class of each box; negative where there is none.</param>
    public static IReadOnlyList<TrueBox> ReadTruth(ReadOnlySpan<float> boxes, ReadOnlySpan<long> labels)
    {
        if (boxes.Length != 4 * labels.Length)
            throw new FormatException($"{boxes.Length} box corners do not belong to {labels.Length} labels.");
        var truth = new List<TrueBox>();
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] is >= 0 and <= int.MaxValue)
                truth.Add(new TrueBox(new Box(boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]), (int)labels[i]));
        }
        return truth;
    }

    /// <summary>What a model is sure of, as truth for another.</summary>
    public static IReadOnlyList<TrueBox> Confident(DetectionForm form, IEnumerable<DetectedBox> boxes)
        => [.. boxes.Where(box => box.Score >= form.ConfidentScore).Select(box => new TrueBox(box.Box, box.Class))];

    private static List<DetectedBox> Suppress(DetectedBox[] ordered, double maximumOverlap, int maximumBoxes)
    {
        var kept = new List<DetectedBox>();
        foreach (var box in ordered)
        {
            if (kept.Count == maximumBoxes) break;
            if (!kept.Exists(better => better.Class == box.Class && better.Box.Overlap(box.Box) > maximumOverlap)) kept.Add(box);
        }
        return kept;
    }
}
