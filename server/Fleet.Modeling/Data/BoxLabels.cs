using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Boxes in each sample; corners are shares of the image's width and height.</summary>
/// <param name="Boxes">The boxes of each sample.</param>
/// <param name="Grid">How answers are laid out.</param>
/// <param name="Form">How boxes are made of answers.</param>
internal sealed record BoxLabels(IReadOnlyList<IReadOnlyList<TrueBox>> Boxes, DetectionGrid Grid, DetectionForm Form) : SampleLabels
{
    /// <inheritdoc/>
    public override int Count => Boxes.Count;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes<float>(Boxes.SelectMany((boxes, sample) => boxes.SelectMany(
        truth => (float[])[sample, truth.Class, truth.Box.Left, truth.Box.Top, truth.Box.Right, truth.Box.Bottom])).ToArray());

    /// <inheritdoc/>
    public override long GroupOf(int sample) => 0;

    /// <inheritdoc/>
    public override BoxLabels Pick(IReadOnlyList<int> samples) => this with { Boxes = [.. samples.Select(sample => Boxes[sample])] };

    /// <summary>The answers that hold exactly these boxes, row by row.</summary>
    public float[] Answers()
    {
        var answers = new float[Count * Grid.Width];
        foreach (var (sample, boxes) in Boxes.Index())
            Grid.Write(boxes.Select(truth => new DetectedBox(truth.Box, truth.Class, 1)),
                answers.AsSpan(sample * Grid.Width, Grid.Width));
        return answers;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs)
    {
        var score = new DetectionScore();
        for (var sample = 0; sample < Count; sample++)
        {
            var answer = outputs.Slice(sample * Grid.Width, Grid.Width);
            score.Add(DetectionReader.Read(Form, answer[..Grid.Corners], answer[Grid.Corners..], []), Boxes[sample]);
        }
        return
        [
            MetricValue.Of(Metric.Map50To95, score.At50To95 ?? 0),
            MetricValue.Of(Metric.Map50, score.At50 ?? 0),
        ];
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays()
    {
        var most = Math.Max(1, Boxes.Max(boxes => boxes.Count));
        var (classes, corners) = (new long[Count * most], new float[4 * Count * most]);
        Array.Fill(classes, -1);
        foreach (var (sample, boxes) in Boxes.Index())
        {
            foreach (var (place, (box, kind)) in boxes.Index())
            {
                classes[sample * most + place] = kind;
                ReadOnlySpan<float> ends = [box.Left, box.Top, box.Right, box.Bottom];
                ends.CopyTo(corners.AsSpan(4 * (sample * most + place)));
            }
        }
        return new Dictionary<string, NpyArray>
        {
            [DetectionTask.LabelsName] = NpyArray.Of(classes, Count, most),
            [DetectionTask.BoxesName] = NpyArray.Of(corners, Count, most, 4),
        };
    }
}
