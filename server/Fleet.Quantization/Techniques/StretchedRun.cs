using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// Runs a model over a few samples from front to back in stretches. What later nodes read is held, so that a stretch begins where
/// the one before ended, and what lies behind that point may have other numbers each time: to see every layer after the ones before
/// it were changed runs the model twice, however many layers there are.
/// </summary>
internal sealed partial class StretchedRun : IDisposable
{
    private readonly List<Feed> _feeds = [];
    private readonly List<Dictionary<string, OrtValue>> _held = [];
    private string[] _made = [];

    private StretchedRun()
    {
    }

    /// <summary>Bytes of tensors of numbers that are held of all samples.</summary>
    public long HeldBytes => _held.SelectMany(held => held.Values).Select(value => value.GetTensorTypeAndShape())
        .Sum(tensor => tensor.IsString ? 0 : tensor.ElementCount * sizeof(float));

    /// <summary>Begins with the inputs.</summary>
    /// <param name="model">Carries the state through samples that are the steps of a sequence: whatever is run later sees the states of
    /// this model.</param>
    /// <param name="samples">The samples; all of them are held.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static StretchedRun Over(ModelProto model, IFeedSource samples, CancellationToken cancellationToken)
    {
        var run = new StretchedRun();
        InferenceSession? session = null;
        try
        {
            using var options = new RunOptions();
            foreach (var feed in samples.Batches(1))
            {
                run._feeds.Add(feed);
                run._held.Add(feed.Names.Zip(feed.Values).ToDictionary(pair => pair.First, pair => pair.Second));
                cancellationToken.ThrowIfCancellationRequested();
                if (!feed.CarriesState) continue;
                session ??= OnnxRuntimeSession.Open(model, "the model to quantize");
                feed.Run(session, options, []).Dispose();
            }
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>
    /// Runs on to the node that makes <paramref name="value"/>, shows what it makes of each sample and stops in front of it: the next
    /// stretch runs it again. Each call must name a later node than the one before.
    /// </summary>
    /// <param name="model">A model with the nodes and names of the one given the first time.</param>
    /// <param name="value">An inner value.</param>
    /// <param name="see">Told the value of each sample.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <returns>
    /// False when the run cannot go on: what must be held is not a tensor, or the model makes other values than the one before.
    /// </returns>
    public bool Until(ModelProto model, string value, Action<OrtValue> see, CancellationToken cancellationToken)
    {
        string[] made = [.. model.Graph.Node.SelectMany(node => node.Output)];
        if (_made.Length > 0 && !made.SequenceEqual(_made)) return false;
        _made = made;
        var stretch = Stretch.To(value, model, _held[0]);
        using var session = OnnxRuntimeSession.Open(stretch.Model, "a stretch of the model to quantize");
        using var options = new RunOptions();
        foreach (var held in _held)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var results = session.Run(options, stretch.Inputs, [.. stretch.Inputs.Select(input => held[input])], stretch.Outputs);
            var isTensor = results.All(result => result.OnnxType == OnnxValueType.ONNX_TYPE_TENSOR);
            foreach (var (name, result) in stretch.Outputs.Zip(results))
            {
                if (name == value) see(result);
                if (isTensor && stretch.Held.Contains(name)) held[name] = result;
                else result.Dispose();
            }
            if (!isTensor) return false;
            foreach (var passed in held.Keys.Where(name => !stretch.Held.Contains(name)).ToArray())
            {
                held.Remove(passed, out var unread);
                unread!.Dispose();
            }
        }
        return true;
    }

    /// <summary>Runs on from where it stopped to what the model says, of each sample, and stays where it is.</summary>
    /// <param name="model">A model that computes the same up to there.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <returns>All float outputs of all samples; null where what it reads is not what is held.</returns>
    public float[]? Rest(ModelProto model, CancellationToken cancellationToken)
    {
        if (Stretch.ToTheEnd(model, _held[0]) is not { } stretch) return null;
        using var session = OnnxRuntimeSession.Open(stretch.Model, "the rest of a model");
        using var options = new RunOptions();
        var values = new List<float>();
        foreach (var held in _held)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var results = session.Run(options, stretch.Inputs, [.. stretch.Inputs.Select(input => held[input])], stretch.Outputs);
            foreach (var output in model.Graph.Output.Select(output => output.Name))
            {
                var value = held.GetValueOrDefault(output) ?? results[Array.IndexOf(stretch.Outputs, output)];
                if (value.OnnxType != OnnxValueType.ONNX_TYPE_TENSOR) return null;
                if (value.GetTensorTypeAndShape().ElementDataType == TensorElementType.Float)
                    values.AddRange(value.GetTensorDataAsSpan<float>());
            }
        }
        return [.. values];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in _held.SelectMany(held => held.Values)) value.Dispose();
        foreach (var feed in _feeds) feed.Dispose();
    }
}
