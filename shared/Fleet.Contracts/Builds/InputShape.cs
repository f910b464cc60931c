using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>The shape of samples that are made up for an input. People write it <c>NAME=1x3x224x224</c>, and so does JSON.</summary>
/// <param name="Input">The input.</param>
/// <param name="Extents">Its extents, the batch included; each at least 1.</param>
[JsonConverter(typeof(WrittenAsTextConverter<InputShape>))]
public sealed record InputShape(string Input, IReadOnlyList<int> Extents) : IWrittenAsText<InputShape>
{
    /// <summary>How it is written, for messages.</summary>
    public const string Form = "NAME=1x3x224x224, an input and its extents";

    static string IWrittenAsText<InputShape>.Rule => $"A shape is written as {Form}.";

    /// <summary>Reads what a person wrote. Names of inputs may hold an equals sign; extents cannot.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out InputShape? shape)
    {
        shape = null;
        var at = text?.LastIndexOf('=') ?? -1;
        if (at < 1) return false;
        var extents = new List<int>();
        foreach (var extent in text![(at + 1)..].Split('x'))
        {
            if (!int.TryParse(extent, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < 1) return false;
            extents.Add(value);
        }
        shape = new InputShape(text[..at], extents);
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(InputShape? other) => other is not null && Input == other.Input && Extents.SequenceEqual(other.Extents);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Input, Extents.Count);

    /// <inheritdoc/>
    public override string ToString() => $"{Input}={string.Join('x', Extents)}";
}
