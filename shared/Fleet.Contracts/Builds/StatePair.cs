using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>State that a model carries from sample to sample. People write it <c>IN=OUT</c>, and so does JSON.</summary>
/// <param name="Input">The input that takes the state.</param>
/// <param name="Output">The output that gives its next value.</param>
[JsonConverter(typeof(WrittenAsTextConverter<StatePair>))]
public sealed record StatePair(string Input, string Output) : IWrittenAsText<StatePair>
{
    /// <summary>How it is written, for messages.</summary>
    public const string Form = "IN=OUT, an input and the output that gives its next value";

    static string IWrittenAsText<StatePair>.Rule => $"State is written as {Form}.";

    /// <summary>Reads what a person wrote.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out StatePair? pair)
    {
        pair = text?.Split('=') is [{ Length: > 0 } input, { Length: > 0 } output] ? new StatePair(input, output) : null;
        return pair is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Input}={Output}";
}
