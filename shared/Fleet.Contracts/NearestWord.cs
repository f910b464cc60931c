namespace Fleet.Contracts;

/// <summary>Guesses which known word a mistyped one was meant to be.</summary>
public static class NearestWord
{
    /// <summary>The nearest of <paramref name="known"/>, or null when none is near enough to be worth a guess.</summary>
    public static string? Of(string word, IEnumerable<string> known) => known
        .Select(candidate => (Word: candidate, Distance: Distance(Plain(word), Plain(candidate))))
        .Where(guess => guess.Distance <= Math.Max(1, guess.Word.Length / 3))
        .OrderBy(guess => guess.Distance)
        .Select(guess => guess.Word)
        .FirstOrDefault();

    /// <summary>
    /// Letters alone: <c>learning_rate</c>, <c>learning-rate</c> and <c>learningRate</c> are one word to the person who wrote it.
    /// </summary>
    private static string Plain(string word)
        => word.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).</summary>
    public static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) table[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) table[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                table[i, j] = Math.Min(replaced, Math.Min(table[i - 1, j], table[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
            }
        }
        return table[a.Length, b.Length];
    }
}
