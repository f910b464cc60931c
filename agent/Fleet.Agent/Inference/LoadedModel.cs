using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>
/// A variant in memory: session, signature, statistics. It is counted: whoever runs it holds a lease, and a variant that was swapped
/// out is freed by the last request it answers.
/// </summary>
internal sealed partial class LoadedModel
{
    private readonly OnnxSession _session;
    /// <summary>Leases, plus one while it is in service; 0 means freed for good.</summary>
    private int _leases = 1;

    private LoadedModel(ServedModel description, OnnxSession session, ModelInstances instances)
    {
        (Description, _session, Instances) = (description, session, instances);
        Tally = new InferenceTally(description);
        TalliedOutputs = TalliedOf(description, session);
    }

    /// <summary>What was asked to be served.</summary>
    public ServedModel Description { get; }

    /// <summary>Inputs of the file.</summary>
    public IReadOnlyList<OnnxTensor> Inputs => _session.Inputs;

    /// <summary>Outputs of the file.</summary>
    public IReadOnlyList<OnnxTensor> Outputs => _session.Outputs;

    /// <summary>How it takes what applications have.</summary>
    public ModelInstances Instances { get; }

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
            var instances = ModelInstances.Of(session);
            session.WarmUp(times: 2);
            return new LoadedModel(description, session, instances);
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
}
