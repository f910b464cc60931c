using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Agent.Inference;

/// <summary>Gathers the streams of one request that are longer than a window, as many as one request is answered for.</summary>
/// <param name="instances">Instances of the request.</param>
internal sealed class LongerStreams(int instances)
{
    private long _windows, _values;

    /// <summary>A place for each instance, null where it is one sample; empty while all are.</summary>
    public StreamInstance?[] Streams { get; private set; } = [];

    /// <summary>Takes an instance.</summary>
    /// <param name="reader">What reads it.</param>
    /// <param name="instance">The instance.</param>
    /// <param name="place">Its place, from 0.</param>
    /// <param name="sample">Where its values go if it is one sample.</param>
    /// <returns>Nothing: a stream has no words.</returns>
    /// <exception cref="FormatException">It is not what the model takes.</exception>
    /// <exception cref="InferenceException">There are too many windows.</exception>
    public IReadOnlyList<string> Read(IStreamReader reader, JsonElement instance, int place, Span<float> sample)
    {
        var stream = reader.Open(instance);
        _windows += stream.Count;
        if (stream.IsLonger)
        {
            _values += stream.Values;
            if (Streams.Length == 0) Streams = new StreamInstance?[instances];
            Streams[place] = stream;
        }
        else
        {
            stream.Write(0, sample);
        }
        if (Streams.Length == 0) return [];
        if (_windows > Limits.WindowsPerRequest)
            throw InferenceException.Malformed($"The instances up to {place} (counted from 0) make {_windows:N0} windows of "
                + $"{reader.Windows.Length:N0}, and {Limits.WindowsPerRequest:N0} are answered in one request. "
                + Advice(reader.Windows, stream.Channels));
        return _values <= ModelInstances.MostValues ? [] : throw InferenceException.Malformed(
            $"The instances up to {place} (counted from 0) hold {_values:N0} values, and one request makes {ModelInstances.MostValues:N0}. "
                + Advice(reader.Windows, stream.Channels));
    }

    /// <summary>How to ask in parts for the windows of a long stream, and for no others.</summary>
    /// <param name="form">How it is cut. Parts lie as its windows do: counted from the same end, and as far from one to the next as so many
    /// windows are.</param>
    /// <param name="channels">Values of each row.</param>
    private static string Advice(WindowForm form, int channels)
    {
        var windows = Math.Clamp(
            (ModelInstances.MostValues / channels - form.Length) / form.Step + 1L, 1, Limits.WindowsPerRequest);
        var (rows, shared) = (form.Length + (windows - 1) * form.Step, form.Length - form.Step);
        var between = shared switch
        {
            > 0 => $" and sharing {shared:N0} with the next",
            < 0 => $" and leaving {-shared:N0} out before the next",
            _ => "",
        };
        return $"Ask in several, of a long stream in parts of {rows:N0} {form.Unit}, counted from its "
            + $"{(form.Padding == WindowPadding.FirstRow ? "end" : "beginning")}{between}; what is left is a part too if it has "
            + $"{form.Length:N0} or more.";
    }
}
