using System.Diagnostics;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>
/// A variant in memory: session, signature, statistics. It is counted: whoever runs it holds a lease, and a variant that was swapped
/// out is freed by the last request it answers.
/// </summary>
internal sealed class LoadedModel
{
    private readonly OnnxSession _session;
    /// <summary>Leases, plus one while it is in service; 0 means freed for good.</summary>
    private int _leases = 1;

    private LoadedModel(ServedModel description, OnnxSession session)
    {
        (Description, _session) = (description, session);
        Tally = new InferenceTally(description);
        TalliedOutputs = TalliedOf(description, session);
    }

    /// <summary>What was asked to be served.</summary>
    public ServedModel Description { get; }

    /// <summary>Inputs of the file.</summary>
    public IReadOnlyList<OnnxTensor> Inputs => _session.Inputs;

    /// <summary>Outputs of the file.</summary>
    public IReadOnlyList<OnnxTensor> Outputs => _session.Outputs;

    /// <summary>What it has answered.</summary>
    public InferenceTally Tally { get; }

    /// <summary>The outputs that telemetry reads; none when nothing is known of them.</summary>
    public IReadOnlyList<string> TalliedOutputs { get; }

    /// <summary>True when it was swapped out and has answered its last request.</summary>
    public bool Freed => Volatile.Read(ref _leases) == 0;

    /// <summary>Loads a variant, compares it with what its release promises, and warms it up.</summary>
    /// <exception cref="ModelRefusedException">It does not load, does not run, or is not what was promised.</exception>
    public static LoadedModel Load(ServedModel description, ILogger logger)
    {
        var session = OnnxSession.Open(description.Path, description.Runtime, logger);
        try
        {
            if (Signature.ProblemsOf(description, session.Inputs, session.Outputs) is { Count: > 0 } problems)
                throw new ModelRefusedException($"{description.Name()} is not what its release describes: {string.Join(' ', problems)}");
            session.WarmUp(times: 2);
            return new LoadedModel(description, session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Takes a lease; false when the variant has been freed.</summary>
    public bool TryAcquire()
    {
        var leases = Volatile.Read(ref _leases);
        while (leases > 0)
        {
            var seen = Interlocked.CompareExchange(ref _leases, leases + 1, leases);
            if (seen == leases) return true;
            leases = seen;
        }
        return false;
    }

    /// <summary>Gives a lease back, or takes the variant out of service; the last one frees it.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _leases) == 0) _session.Dispose();
    }

    /// <summary>The output of that name, which the model has.</summary>
    public OnnxTensor TensorOf(string output) => Outputs.First(tensor => tensor.Name == output);

    /// <summary>Runs it once and counts the run. The caller holds a lease. Values are in the order of the names.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyCollection<string> inputNames, IReadOnlyCollection<OrtValue> inputs, List<string> outputNames)
    {
        // What telemetry reads is computed even when nobody asked for it: it must not depend on what a client reads.
        if (TalliedOutputs.Any(name => !outputNames.Contains(name))) outputNames = [.. outputNames.Union(TalliedOutputs)];
        var start = Stopwatch.GetTimestamp();
        var outputs = _session.Run(inputNames, inputs, outputNames);
        Count(Stopwatch.GetElapsedTime(start), outputs, outputNames);
        return outputs;
    }

    private void Count(TimeSpan latency, IReadOnlyList<OrtValue> outputs, List<string> names)
    {
        var tallied = TalliedOutputs.Select(name => outputs[names.IndexOf(name)]).ToArray();
        switch (Description.Tally())
        {
            case OutputTally.Values when tallied is [var values, ..]:
                Tally.AddValues(latency, Datatypes.Singles(values), ColumnsOf(values.GetTensorTypeAndShape().Shape));
                break;
            case OutputTally.Boxes when tallied.Length > 1:
                Tally.AddBoxes(latency, BoxesOf(Description.Detection ?? new DetectionForm(), tallied));
                break;
            default:
                Tally.Add(latency, tallied is [var scores, ..] ? Datatypes.Singles(scores) : default);
                break;
        }
    }

    /// <summary>The boxes that the model is sure of, sample by sample; none where its outputs do not have their form.</summary>
    private static List<IReadOnlyList<DetectedBox>> BoxesOf(DetectionForm form, OrtValue[] outputs)
    {
        try
        {
            var boxes = Datatypes.Singles(outputs[0]);
            var scores = Datatypes.Singles(outputs[1]);
            long[] labels = outputs.Length > 2 ? Datatypes.Integers(outputs[2]) : [];
            var samples = outputs[0].GetTensorTypeAndShape().Shape is [> 0 and var first, _, _] ? (int)first : 1;
            var found = new List<IReadOnlyList<DetectedBox>>();
            var confident = form with { MinimumScore = form.ConfidentScore };
            for (var i = 0; i < samples; i++)
            {
                found.Add(DetectionReader.Read(
                    confident, Part(boxes, i, samples), Part(scores, i, samples), Part<long>(labels, i, samples)));
            }
            return found;
        }
        catch (FormatException)
        {
            // An answer does not fail because it could not be counted.
            return [];
        }
    }

    private static ReadOnlySpan<T> Part<T>(ReadOnlySpan<T> values, int number, int parts)
        => values.Slice(number * (values.Length / parts), values.Length / parts);

    /// <summary>Values of one sample: the product of all extents but the first; 0 when they are too many to count.</summary>
    private static int ColumnsOf(long[] shape)
        => shape.Length < 2 ? 1
            : shape.Skip(1).Aggregate(1L, (product, extent) => product * extent) is var columns and <= int.MaxValue ? (int)columns : 0;

    private static string[] TalliedOf(ServedModel description, OnnxSession session)
    {
        // The release's first output is the one that matters, wherever the graph has it.
        var main = description.Outputs.Count > 0 ? description.Outputs[0].Name : session.Outputs[0].Name;
        var form = description.Detection ?? new DetectionForm();
        string[] wanted = description.Tally() switch
        {
            OutputTally.Classes or OutputTally.Values => [main],
            OutputTally.Boxes => form.Labels is { } labels ? [form.Boxes, form.Scores, labels] : [form.Boxes, form.Scores],
            _ => [],
        };
        return wanted.All(name => session.Outputs.Any(output => output.Name == name)) ? wanted : [];
    }
}
