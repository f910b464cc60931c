using System.Globalization;
using System.Text;

namespace Fleet.Contracts.Inputs;

/// <summary>
/// Pieces of text by number, and how text is cut into them: lower case; letters and digits side by side are a word, any other
/// character but white space stands alone; of a word the longest known beginning is taken, again and again, where pieces
/// inside a word begin with <c>##</c> (WordPiece: Wu et al., arXiv 1609.08144). Form and rule are those of BERT's vocabularies; accents are
/// kept.
/// </summary>
/// <param name="Pieces">The pieces; the place of each is its number.</param>
public sealed record Vocabulary(IReadOnlyList<string> Pieces)
{
    /// <summary>
    /// Metadata of a model that reads text: its pieces as a JSON array, number by number; how many it takes; and how text is cut into them.
    /// </summary>
    public const string Key = "vocabulary", LengthKey = "maximumLength", RuleKey = "tokenizer";

    /// <summary>Number of what fills a sample up to its length.</summary>
    public const int Padding = 0;

    /// <summary>Number of a word that no pieces make up.</summary>
    public const int Unknown = 1;

    /// <summary>How text is cut, in the words that travel with a model.</summary>
    public const string Description =
        "wordpiece: lower case; letters and digits side by side are a word, any other character but white space is one of its own; longest "
            + "known beginning first, ## continues a word; 0 pads at the end, 1 is unknown";

    /// <summary>Longer words are unknown: cutting them would take time that grows with the square of their length.</summary>
    private const int LongestWord = 100;

    private const string Inside = "##";

    private static readonly string[] Special = ["[PAD]", "[UNK]"];

    private readonly Dictionary<string, int> _numbers = Pieces.Index()
        .ToDictionary(piece => piece.Item, piece => piece.Index, StringComparer.Ordinal);

    /// <summary>
    /// Learns at most <paramref name="size"/> pieces: every character, at the beginning of a word and inside, so that few words are
    /// unknown, then the words seen at least twice, the most frequent first. A word seen once would have a vector that hardly anything
    /// trained.
    /// </summary>
    public static Vocabulary Of(IEnumerable<string> texts, int size)
    {
        var words = texts.SelectMany(Words).CountBy(word => word).ToArray();
        var characters = words.SelectMany(word => word.Key.EnumerateRunes()
            .SelectMany(rune => new[] { (Piece: $"{rune}", word.Value), (Piece: $"{Inside}{rune}", word.Value) }))
            .GroupBy(found => found.Piece, found => found.Value).Select(group => KeyValuePair.Create(group.Key, group.Sum()));
        static IEnumerable<string> MostFrequentFirst(IEnumerable<KeyValuePair<string, int>> counted)
            => counted.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Key);
        return new Vocabulary([
            .. Special.Concat(MostFrequentFirst(characters)).Concat(MostFrequentFirst(words.Where(word => word.Value > 1)))
                .Distinct(StringComparer.Ordinal).Take(size),
        ]);
    }

    /// <summary>
    /// The numbers of a text's pieces, as many as fit <paramref name="numbers"/>; the rest of it is padding. A text without any is one
    /// unknown word.
    /// </summary>
    public void Encode(string text, Span<float> numbers)
    {
        numbers.Clear();
        var filled = 0;
        foreach (var piece in Words(text).SelectMany(PiecesOf).DefaultIfEmpty(Unknown).Take(numbers.Length)) numbers[filled++] = piece;
    }

    private List<int> PiecesOf(string word)
    {
        var pieces = new List<int>();
        for (var start = 0; start < word.Length && word.Length <= LongestWord;)
        {
            var end = word.Length;
            var piece = -1;
            for (; end > start; end--)
            {
                if (_numbers.TryGetValue(start == 0 ? word[..end] : Inside + word[start..end], out piece)) break;
            }
            // One character that was never seen makes the whole word unknown, as readers of such vocabularies have it.
            if (end == start) return [Unknown];
            pieces.Add(piece);
            start = end;
        }
        return pieces.Count > 0 ? pieces : [Unknown];
    }

    private static IEnumerable<string> Words(string text)
    {
        var word = new StringBuilder();
        foreach (var rune in text.ToLowerInvariant().EnumerateRunes())
        {
            var inWord = Rune.IsLetterOrDigit(rune)
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
            if (inWord)
            {
                word.Append(rune.ToString());
                continue;
            }
            if (word.Length > 0) yield return word.ToString();
            word.Clear();
            if (!Rune.IsWhiteSpace(rune) && !Rune.IsControl(rune)) yield return rune.ToString();
        }
        if (word.Length > 0) yield return word.ToString();
    }
}
