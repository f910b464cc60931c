using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Evaluation;

/// <summary>The float model on the test samples: what every variant is compared with.</summary>
internal sealed class Baseline : IDisposable
{
    private readonly InferenceSession _session;
    private readonly SampleFeeds _samples;

    private Baseline(InferenceSession session, SampleSet test, ModelOutputs outputs, SampleFeeds samples, long bytes)
    {
        (_session, _samples, Outputs, Labels, Bytes) = (session, samples, outputs, test.Labels, bytes);
        Accuracy = Judgement.Accuracy(outputs, Labels);
    }

    /// <summary>Name of the only input.</summary>
    public string InputName => _session.InputNames[0];

    /// <summary>Samples one run takes.</summary>
    public int BatchSize => ModelOutputs.BatchSizeOf(_session);

    /// <summary>What the float model says of each sample.</summary>
    public ModelOutputs Outputs { get; }

    /// <summary>The labels.</summary>
    public IReadOnlyList<long> Labels { get; }

    /// <summary>The float model's accuracy.</summary>
    public double Accuracy { get; }

    /// <summary>Size of the float model's file.</summary>
    public long Bytes { get; }

    /// <summary>Runs the model at <paramref name="path"/> over the test samples.</summary>
    /// <exception cref="InvalidDataException">The model has not one float input, or does not take the samples.</exception>
    public static Baseline Measure(string path, SampleSet test, CancellationToken cancellationToken)
    {
        var session = OnnxRuntimeSession.Open(path);
        try
        {
            if (session.InputNames is not [var input]) throw new InvalidDataException($"{Path.GetFileName(path)} has {session.InputNames.Count} inputs ({string.Join(", ", session.InputNames)}); one was expected.");
            var samples = new SampleFeeds(input, test);
            return new Baseline(session, test, ModelOutputs.Of(session, samples, cancellationToken), samples, new FileInfo(path).Length);
        }
        catch (OnnxRuntimeException e)
        {
            session.Dispose();
            throw new InvalidDataException($"{Path.GetFileName(path)} does not take samples of shape ({string.Join(", ", test.SampleShape)}): {e.Message}", e);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>What another model says of the test samples.</summary>
    public ModelOutputs OutputsOf(InferenceSession session, CancellationToken cancellationToken) => ModelOutputs.Of(session, _samples, cancellationToken);

    /// <summary>The accuracy that <paramref name="model"/> loses; negative when it gains.</summary>
    public double DropOf(ModelProto model, RuntimeSettings runtime, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "the variant", runtime);
        return Accuracy - Judgement.Accuracy(OutputsOf(session, cancellationToken), Labels);
    }

    /// <summary>Latency of the float model and of another, measured in turns.</summary>
    public (LatencySummary Float, LatencySummary Variant) LatencyAgainst(InferenceSession session, CancellationToken cancellationToken)
        => LatencyRun.Measure([_session, session], _samples, cancellationToken) is [var first, var second] ? (first, second) : throw new InvalidOperationException("Two models were measured.");

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();
}
