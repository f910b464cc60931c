using System.Text.RegularExpressions;
using Fleet.Contracts.Builds;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>An input that takes at each step what an output gave at the step before.</summary>
/// <param name="Input">The input.</param>
/// <param name="Output">Name of the output.</param>
/// <param name="Grows">Past keys and values of a decoder: empty at first, and longer with each step.</param>
internal sealed record StateLink(ModelInput Input, string Output, bool Grows);

/// <summary>
/// The state that a model carries from sample to sample. Each pass over the samples carries its own, so that a variant lives
/// with the errors it made, as it will on the device.
/// </summary>
/// <param name="Links">What is carried.</param>
/// <param name="Restarts">Every sample begins anew: a decoder whose masks and positions are of one sample, not of all before it.</param>
internal sealed partial record ModelState(IReadOnlyList<StateLink> Links, bool Restarts)
{
    /// <summary>No state.</summary>
    public static readonly ModelState None = new([], false);

    /// <summary>
    /// Finds the state of a model by names that are usual for it (<c>state</c> and <c>stateN</c>, <c>h0</c> and <c>hn</c>,
    /// <c>past</c> and <c>present</c>), where type and shape agree.
    /// </summary>
    /// <param name="session">The model.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="given">Pairs that are state whatever their names.</param>
    /// <exception cref="InvalidDataException">A given pair is not in the model, or does not fit.</exception>
    public static ModelState Of(InferenceSession session, IReadOnlyList<ModelInput> inputs, IReadOnlyCollection<StatePair> given)
    {
        if (given.Count > 0) return new ModelState([.. given.Select(pair => Given(pair, session, inputs))], Restarts: false);
        var links = new List<StateLink>();
        foreach (var input in inputs)
        {
            var output = session.OutputNames.FirstOrDefault(output => Mean(input.Name, output)
                && Fits(input, session.OutputMetadata[output]) && links.All(link => link.Output != output));
            if (output is not null) links.Add(new StateLink(input, output, PastOf().IsMatch(input.Name)));
        }
        // Without any other input there would be nothing to feed: then it is data, however it is called.
        if (links.Count == 0 || links.Count == inputs.Count) return None;
        return new ModelState(links, Restarts: links.Any(link => link.Grows) && inputs.Count - links.Count > 1);
    }

    /// <summary>The state of one pass over the samples.</summary>
    /// <param name="extents">Extents of the other inputs' free axes, by their names.</param>
    public Pass Begin(IReadOnlyDictionary<string, int> extents) => new(this, extents);

    private static StateLink Given(StatePair pair, InferenceSession session, IReadOnlyList<ModelInput> inputs)
    {
        var (name, output) = pair;
        var input = inputs.FirstOrDefault(input => input.Name == name)
            ?? throw new InvalidDataException(
                $"State '{pair}' names input '{name}'; the model's inputs are {string.Join(", ", inputs.Select(input => input.Name))}.");
        if (!session.OutputMetadata.TryGetValue(output, out var metadata))
            throw new InvalidDataException(
                $"State '{pair}' names output '{output}'; the model's outputs are {string.Join(", ", session.OutputNames)}.");
        return Fits(input, metadata) ? new StateLink(input, output, PastOf().IsMatch(name))
            : throw new InvalidDataException(
                $"State '{pair}' cannot be carried: output '{output}' is {metadata.ElementDataType} "
                    + $"({string.Join(", ", metadata.Dimensions)}), input {input}.");
    }

    private static bool Fits(ModelInput input, NodeMetadata output) => output.IsTensor && output.ElementDataType == input.Type
        && output.Dimensions.Length == input.Extents.Count
        && output.Dimensions.Zip(input.Extents).All(pair => pair.First < 0 || pair.Second < 0 || pair.First == pair.Second);

    private static bool Mean(string input, string output)
    {
        if (PastOf().IsMatch(input)) return PresentOf().IsMatch(output) && PastOf().Replace(input, "") == PresentOf().Replace(output, "");
        var stem = InputMark().Replace(input, "");
        return StateWord().IsMatch(stem) && string.Equals(OutputMark().Replace(output, ""), stem, StringComparison.OrdinalIgnoreCase);
    }

    [GeneratedRegex("^past(_key_values|_kv)?", RegexOptions.IgnoreCase)]
    private static partial Regex PastOf();

    [GeneratedRegex("^present(_key_values|_kv)?", RegexOptions.IgnoreCase)]
    private static partial Regex PresentOf();

    [GeneratedRegex("^(in|prev|previous|old|initial|init)_|(_in|_prev|_old|_init|_?0)$", RegexOptions.IgnoreCase)]
    private static partial Regex InputMark();

    [GeneratedRegex("^(out|next|new|final)_|(_out|_next|_new|_final|_n|(?-i:N)|(?<=^[hc])n)$", RegexOptions.IgnoreCase)]
    private static partial Regex OutputMark();

    /// <summary>What recurrent networks call their state: an image that goes in and comes out is not state.</summary>
    [GeneratedRegex("state|hidden|cell|cache|memory|mem$|rnn|lstm|gru|^[hc]x?(_?t)?$|^[hc]$", RegexOptions.IgnoreCase)]
    private static partial Regex StateWord();
}
