using System.Globalization;
using System.Text.Json;

namespace Fleet.Contracts.Inputs;

/// <summary>How texts become samples.</summary>
/// <param name="Vocabulary">The pieces.</param>
/// <param name="Length">How many numbers of pieces a sample has.</param>
public sealed record TextForm(Vocabulary Vocabulary, int Length)
{
    /// <summary>
    /// What the metadata of a file says; null where it does not take texts, or cuts them by a rule that is not known here.
    /// </summary>
    /// <param name="metadata">The value of a key, or null.</param>
    /// <exception cref="FormatException">It is too large or not a vocabulary.</exception>
    public static TextForm? Of(Func<string, string?> metadata)
    {
        if (metadata(Vocabulary.RuleKey) != Vocabulary.Description || metadata(Vocabulary.Key) is not { } text) return null;
        if (text.Length > Limits.VocabularyLength)
            throw new FormatException($"{Vocabulary.Key} has {text.Length} characters; at most {Limits.VocabularyLength} are read.");
        IReadOnlyList<string>? pieces;
        try
        {
            pieces = JsonSerializer.Deserialize(text, WireJson.Default.IReadOnlyListString);
        }
        catch (JsonException e)
        {
            throw new FormatException($"{Vocabulary.Key} is not a list of pieces: {e.Message}", e);
        }
        if (pieces is not { Count: > 0 and <= Limits.VocabularyPieces })
            throw new FormatException($"{Vocabulary.Key} has {pieces?.Count ?? 0} pieces; 1 to {Limits.VocabularyPieces} are read.");
        if (pieces.Distinct(StringComparer.Ordinal).Count() != pieces.Count)
            throw new FormatException($"{Vocabulary.Key} has a piece twice.");
        return int.TryParse(metadata(Vocabulary.LengthKey), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            && length is >= 1 and <= Limits.TextPieces
                ? new TextForm(new Vocabulary(pieces), length)
                : throw new FormatException($"{Vocabulary.LengthKey} is '{Limits.Detail(metadata(Vocabulary.LengthKey) ?? "", 40)}'; it "
                    + $"must be 1 to {Limits.TextPieces}.");
    }
}
