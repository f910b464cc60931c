using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Variants;

/// <summary>
/// The float model as it is handed out where no variant is better: as it was prepared or, where preparing made it larger or slower, as it
/// was given. Folding makes of what a small constant is spread into by operators a large one, and models are given with weights of 16 bits.
/// </summary>
/// <param name="profile">The profile that it is handed out for.</param>
/// <param name="bench">What variants were measured on.</param>
/// <param name="request">What was asked for.</param>
internal sealed class FloatFallback(HardwareProfile profile, Bench bench, VariantRequest request)
{
    /// <summary>Bytes that who made a file, and names of operators that had none, may take.</summary>
    private const int Notes = 512;

    private readonly string _id = VariantMaker.FloatIdOf(profile);

    /// <summary>True where bytes are what counts: the smaller form is then taken, however fast either is.</summary>
    private readonly bool _aboutSize = bench.IsAboutSize(profile);

    private readonly Lazy<ModelProto?> _halved = new(() => HalvedOf(bench, request.ModelPath));

    /// <summary>Size of the model as it was given.</summary>
    public long GivenBytes { get; } = OnnxFile.BytesOf(request.ModelPath);

    /// <summary>Size of the model as it is handed out, before it is known which form is faster.</summary>
    public long Bytes => IsLarger ? GivenBytes : PreparedBytes;

    private long PreparedBytes => _halved.Value?.CalculateSize() ?? bench.Baseline.Bytes;

    private bool IsLarger => PreparedBytes > GivenBytes + Notes && MayBeGiven;

    /// <summary>False where it was asked for in another operator set.</summary>
    private bool MayBeGiven => request.Settings.Opset is null;

    /// <summary>
    /// Times the model as it was given, where it may be handed out: before any time is told, because what is timed may change the clock.
    /// </summary>
    /// <param name="file">A place for its file.</param>
    /// <param name="cancellationToken">Stops between runs of the model.</param>
    public void Time(string file, CancellationToken cancellationToken)
    {
        if (!MayBeGiven || _aboutSize && !IsLarger && request.Fixed is null || request.Deadline.HasPassed) return;
        WriteGiven(file);
        if (request.Fixed?.IsMade(_id, file) != false) bench.Time(_id, file, OnnxRuntimeSession.Plain, cancellationToken);
        OnnxFile.Delete(file);
    }

    /// <summary>Writes it.</summary>
    /// <param name="file">Its file.</param>
    /// <returns>True where it is the model as it was given, which has times of its own; and what is to be said of it.</returns>
    public (bool IsGiven, IReadOnlyList<string> Reasons) Write(string file)
    {
        if (MayBeGiven)
        {
            WriteGiven(file);
            if (TakesGiven(file) is { } why) return (true, [why]);
        }
        OnnxFile.Save(_halved.Value ?? OnnxFile.Load(bench.FloatFile), file, request.LargestFile);
        return (false, _halved.Value is null ? [] : ["Its weights have 16 bits in the file, as they were given; the runtime makes floats "
            + "of them when it loads it."]);
    }

    private void WriteGiven(string file)
    {
        var given = PreparedModel.Read(request.ModelPath);
        new NeededSettings(new Dictionary<string, string>()).WriteTo(given);
        OnnxFile.Save(given, file, request.LargestFile);
    }

    /// <summary>Why the model as it was given, in <paramref name="file"/>, is taken; null where it is not.</summary>
    private string? TakesGiven(string file)
    {
        const string AsGiven = "It is the model as it was given";
        if (request.Fixed is { } choices ? !choices.IsMade(_id, file) : _aboutSize && !IsLarger) return null;
        if (request.Fixed is not null) return $"{AsGiven}, as the recipe says.";
        var speed = _aboutSize ? null : bench.Clock.SpeedOf(_id);
        if (speed?.IsFasterThan(RelativeSpeed.Original) == true)
            return $"{AsGiven}, {speed} as fast as with its constants folded.";
        // What variants were compared with is kept where the smaller file is told to be slower.
        return IsLarger && (speed is null || !RelativeSpeed.Original.IsFasterThan(speed))
            ? FormattableString.Invariant($"{AsGiven}: with its constants folded it has {PreparedBytes:N0} bytes for {GivenBytes:N0}.")
            : null;
    }

    /// <summary>
    /// The prepared model with weights of 16 bits, where it was given so and is larger now that they are floats; null elsewhere. It answers
    /// as it did: the runtime makes floats of them when it loads it.
    /// </summary>
    private static ModelProto? HalvedOf(Bench bench, string given)
    {
        var bytes = bench.Baseline.Bytes;
        if (bytes <= OnnxFile.BytesOf(given) || bytes > OnnxFile.MaximumBytes) return null;
        return Scopes.Of(OnnxFile.Load(given).Graph).Any(graph => graph.Initializer.Any(tensor => tensor.Is(DataType.Float16)))
            ? KeptWeights.HalvedExactly(OnnxFile.Load(bench.FloatFile)) : null;
    }
}
