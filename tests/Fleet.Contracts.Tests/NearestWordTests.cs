namespace Fleet.Contracts.Tests;

/// <summary>What was probably meant.</summary>
public sealed class NearestWordTests
{
    private static readonly string[] Keys = ["learningRate", "batchSize", "epochs", "seed", "width"];

    [Theory]
    [InlineData("learning_rate", "learningRate")]
    [InlineData("learning-rate", "learningRate")]
    [InlineData("LEARNINGRATE", "learningRate")]
    [InlineData("lerningRate", "learningRate")]
    [InlineData("batchsizes", "batchSize")]
    [InlineData("epcohs", "epochs")]
    [InlineData("sed", "seed")]
    [InlineData("wdith", "width")]
    public void Word_that_is_nearly_a_key_is_taken_for_it(string word, string key) => Assert.Equal(key, NearestWord.Of(word, Keys));

    [Theory]
    [InlineData("colour")]
    [InlineData("x")]
    [InlineData("")]
    [InlineData("rate")]
    public void Word_that_is_like_none_is_not_guessed_at(string word) => Assert.Null(NearestWord.Of(word, Keys));

    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "abc", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("abc", "abd", 1)]
    [InlineData("abc", "acb", 1)]
    [InlineData("abc", "bca", 2)]
    [InlineData("kitten", "sitting", 3)]
    public void Distance_counts_insertions_deletions_replacements_and_swaps(string a, string b, int distance)
        => Assert.Equal(distance, NearestWord.Distance(a, b));

    [Fact]
    public void Distance_is_the_same_both_ways_and_zero_only_between_equals()
    {
        var random = new Random(3);
        for (var attempt = 0; attempt < 2000; attempt++)
        {
            var (a, b) = (Word(random), Word(random));
            Assert.Equal(NearestWord.Distance(a, b), NearestWord.Distance(b, a));
            Assert.Equal(a == b, NearestWord.Distance(a, b) == 0);
            Assert.InRange(NearestWord.Distance(a, b), Math.Abs(a.Length - b.Length), Math.Max(a.Length, b.Length));
        }
    }

    private static string Word(Random random)
        => new([.. Enumerable.Range(0, random.Next(6)).Select(_ => (char)('a' + random.Next(3)))]);
}
