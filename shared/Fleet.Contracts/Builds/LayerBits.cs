using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>Bits of the weights of a layer. People write it <c>LAYER=BITS</c>, and so does JSON.</summary>
/// <param name="Layer">The layer by its name, or an operator for all of that kind; <c>*</c> stands for any letters.</param>
/// <param name="Bits">2, 3, 4 or 8.</param>
[JsonConverter(typeof(WrittenAsTextConverter<LayerBits>))]
public sealed record LayerBits(string Layer, int Bits) : IWrittenAsText<LayerBits>
{
    /// <summary>How it is written, for messages.</summary>
    public const string Form = "LAYER=BITS, a layer or an operator and 2, 3, 4 or 8";

    static string IWrittenAsText<LayerBits>.Rule => $"Bits of a layer are written as {Form}.";

    /// <summary>Reads what a person wrote. The name of a layer may hold an equals sign, bits cannot.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out LayerBits? layer)
    {
        var at = text?.LastIndexOf('=') ?? -1;
        layer = at > 0 && int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var bits)
            && bits is 2 or 3 or 4 or 8 ? new LayerBits(text![..at], bits) : null;
        return layer is not null;
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Layer}={Bits}");
}
