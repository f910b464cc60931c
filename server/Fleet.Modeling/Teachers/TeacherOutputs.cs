using System.Runtime.InteropServices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using static TorchSharp.torch;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// What the teacher says about the training samples: answers, and features where losses need them. With augmentation it is
/// asked about each of a few views when that view's turn comes; epochs go through the views in turn, and student and teacher
/// see the same one.
/// </summary>
/// <remarks>
/// Answers are kept in one file for each view, float32, a row for each sample. A file's name is a digest of all they depend
/// on, so that a build that is resumed or repeated finds them, and one that changed does not. Where they would need more than
/// <see cref="MaximumBytes"/> none is kept: the teacher is asked at every step, about a new view in every epoch.
/// </remarks>
internal sealed partial class TeacherOutputs : IDisposable
{
    /// <summary>Most bytes kept on disk, those of earlier builds in the same folder included.</summary>
    public const long MaximumBytes = 4L << 30;

    private const int BatchSize = 64;

    private readonly ITeacherModel _teacher;
    private readonly SampleSet _training;
    private readonly Augmentation _augmentation;
    private readonly string _folder;
    private readonly string _key;
    private readonly int _width;
    private readonly FileStream?[] _byView;

    /// <param name="teacher">Who is asked.</param>
    /// <param name="training">About what.</param>
    /// <param name="features">What to show beside the answers.</param>
    /// <param name="augmentation">Makes the views.</param>
    /// <param name="views">How many of them; one without augmentation.</param>
    /// <param name="folder">Where answers are kept; made when the first is.</param>
    /// <param name="maximumBytes">Most bytes to keep.</param>
    public TeacherOutputs(ITeacherModel teacher, SampleSet training, IReadOnlyList<string> features, Augmentation augmentation, int views,
        string folder, long maximumBytes = MaximumBytes)
    {
        (_teacher, _training, _augmentation, _folder) = (teacher, training, augmentation, folder);
        Features = teacher.Show(features);
        _width = teacher.Columns + Features.Sum(Length);
        _byView = new FileStream?[augmentation.Enabled ? views : 1];
        Bytes = (long)_byView.Length * training.Count * _width * sizeof(float);
        (Kept, Limit) = (Bytes <= maximumBytes, maximumBytes);
        _key = Kept ? Key(features) : "";
    }

    /// <summary>What the teacher shows beside its logits.</summary>
    public IReadOnlyList<Feature> Features { get; }

    /// <summary>Numbers it answers a sample with.</summary>
    public int Columns => _teacher.Columns;

    /// <summary>Bytes of all answers.</summary>
    public long Bytes { get; }

    /// <summary>Most bytes that are kept.</summary>
    public long Limit { get; }

    /// <summary>True when answers are kept; otherwise the teacher is asked at every step.</summary>
    public bool Kept { get; }

    /// <summary>The view that an epoch trains on: kept ones repeat.</summary>
    public int ViewOf(int epoch) => !_augmentation.Enabled ? 0 : Kept ? epoch % _byView.Length : epoch;

    /// <summary>The answers for some samples in a view.</summary>
    public TeacherAnswers Of(int view, ReadOnlySpan<int> samples, Device device, CancellationToken cancellationToken)
    {
        var rows = new float[samples.Length * _width];
        if (Kept)
        {
            var file = (_byView[view] ??= Open(view, cancellationToken)).SafeFileHandle;
            for (var i = 0; i < samples.Length; i++)
                Read(file, MemoryMarshal.AsBytes(rows.AsSpan(i * _width, _width)), (long)samples[i] * _width * sizeof(float));
        }
        else
        {
            Ask(view, samples, rows, new float[samples.Length * _training.SampleLength], cancellationToken);
        }
        var features = new Dictionary<string, Tensor>();
        var column = Columns;
        foreach (var feature in Features)
        {
            features[feature.Name] = ColumnsOf(rows, column, [samples.Length, .. feature.Shape.Select(extent => (long)extent)], device);
            column += Length(feature);
        }
        return new TeacherAnswers(ColumnsOf(rows, 0, [samples.Length, Columns], device), features);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _byView) file?.Dispose();
    }

    private Tensor ColumnsOf(float[] rows, int column, long[] shape, Device device)
    {
        var (count, width) = ((int)shape[0], (int)shape.Skip(1).Aggregate(1L, (product, extent) => product * extent));
        if (width == _width) return AlignedTensor.Of(rows, shape, device);
        var values = new float[count * width];
        for (var i = 0; i < count; i++) rows.AsSpan(i * _width + column, width).CopyTo(values.AsSpan(i * width));
        return AlignedTensor.Of(values, shape, device);
    }

    private void Ask(int view, ReadOnlySpan<int> samples, Span<float> rows, float[] inputs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        for (var i = 0; i < samples.Length; i++)
            _augmentation.Write(_training, samples[i], view, inputs.AsSpan(i * _training.SampleLength, _training.SampleLength));
        _teacher.Answer(inputs.AsMemory(0, samples.Length * _training.SampleLength), samples.Length, rows[..(samples.Length * _width)]);
    }

    private static int Length(Feature feature) => feature.Shape.Aggregate(1, (product, extent) => product * extent);
}
