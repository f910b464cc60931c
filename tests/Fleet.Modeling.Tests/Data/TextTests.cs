using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class TextTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static float[] Encoded(Vocabulary vocabulary, string text, int length)
    {
        var numbers = new float[length];
        vocabulary.Encode(text, numbers);
        return numbers;
    }

    private static string Text(Vocabulary vocabulary, string text, int length = 8)
        => string.Join(' ', Encoded(vocabulary, text, length).Select(number => vocabulary.Pieces[(int)number]));

    [Fact]
    public void Words_seen_twice_are_pieces_and_others_are_cut_into_what_is_known()
    {
        var vocabulary = Vocabulary.Of(["pay my bill", "pay my rent", "Pay: bill!"], 1000);
        Assert.Equal(["[PAD]", "[UNK]"], vocabulary.Pieces.Take(2));
        Assert.Equal("pay my bill ! [PAD]", Text(vocabulary, "PAY my   bill!", 5));
        Assert.Equal("bill ##r ##e ##n ##t", Text(vocabulary, "billrent", 5));
        Assert.Equal("[UNK] pay [PAD]", Text(vocabulary, "7 pay", 3));
        Assert.Equal("pay my", Text(vocabulary, "pay my bill", 2));
    }

    [Fact]
    public void Text_without_words_is_one_unknown_word_and_a_very_long_word_is_unknown()
    {
        var vocabulary = Vocabulary.Of(["a a"], 100);
        Assert.Equal("[UNK] [PAD]", Text(vocabulary, " \t\n", 2));
        Assert.Equal("[UNK] [PAD]", Text(vocabulary, new string('a', 101), 2));
        Assert.Equal("a ##a", Text(Vocabulary.Of(["aa"], 100), "aa", 2));
    }

    [Fact]
    public void Vocabulary_keeps_the_most_frequent_and_is_the_same_for_the_same_texts()
    {
        var vocabulary = Vocabulary.Of(["bb bb bb aa aa", "c c"], 9);
        Assert.Equal(["[PAD]", "[UNK]", "##b", "b", "##a", "a", "##c", "c", "bb"], vocabulary.Pieces);
        Assert.Equal(Vocabulary.Of(["one two", "two one"], 100).Pieces, Vocabulary.Of(["two one", "one two"], 100).Pieces);
    }

    private static DataSpec Spec(string train)
        => new() { Kind = "text", Train = train, Text = new TextSpec { MaximumLength = 4 }, ValidationShare = 0.25, TestShare = 0.25 };

    [Fact]
    public void Json_is_read_by_split_and_the_vocabulary_is_that_of_the_training_texts()
    {
        File.WriteAllText(_folder["d.json"],
            """{"train": [["turn it on", "on"], ["turn it off", "off"], ["on please", "on"], ["off please", "off"]], "val": [["on","""
                + """ "on"]], "test": [["switch off", "off"]]}""");
        var data = DataSets.Load(
            Spec(_folder["d.json"]) with { Text = new TextSpec { MaximumLength = 4, ValidationSplits = ["val"], TestSplits = ["test"] } },
            1, 1);
        Assert.Equal((4, 1, 1), (data.Training.Count, data.Validation.Count, data.Test.Count));
        Assert.Equal(["off", "on"], data.Classes);
        Assert.Equal([4], data.Training.SampleShape);
        Assert.Same(data.Training.Vocabulary, data.Test.Vocabulary);
        Assert.DoesNotContain("switch", data.Training.Vocabulary!.Pieces);
        Assert.Equal(0, data.Test.ClassNumbers[0]);
    }

    [Fact]
    public void Csv_is_read_by_column_and_cut()
    {
        File.WriteAllText(_folder["d.csv"],
            "id,text,intent\n" + string.Concat(
                Enumerable.Range(0, 16).Select(i => $"{i},\"say, {(i % 2 == 0 ? "yes" : "no")}\",{(i % 2 == 0 ? "agree" : "deny")}\n")));
        var data = DataSets.Load(
            Spec(_folder["d.csv"]) with { Text = new TextSpec { MaximumLength = 4, Column = "text" }, LabelColumn = "intent" }, 1, 1);
        Assert.Equal((8, 4, 4), (data.Training.Count, data.Validation.Count, data.Test.Count));
        Assert.Equal(["agree", "deny"], data.Classes);
        Assert.Equal("say , yes [PAD]",
            string.Join(' ', Encoded(data.Training.Vocabulary!, "say, yes", 4)
                .Select(number => data.Training.Vocabulary!.Pieces[(int)number])));
    }

    [Theory]
    [InlineData("""[["turn it on", "on"], ["off please", "off"], ["on please", "on"], ["turn it off", "off"]]""", null, null)]
    [InlineData("""[{"text": "turn it on", "label": "on"}, {"text": "off please", "label": "off"}, {"text": "on", "label": "on"}, """
        + """{"text": "turn it off", "label": "off"}]""", null, null)]
    [InlineData("""{"train": [{"said": "turn it on", "meant": "on"}, ["off please", "off"], ["on please", "on"], {"meant": "off", "said":"""
        + """ "turn it off"}]}""", "said", "meant")]
    public void Json_may_be_one_list_and_samples_may_be_objects(string content, string? textKey, string? labelKey)
    {
        File.WriteAllText(_folder["d.json"], content);
        var data = DataSets.Load(
            Spec(_folder["d.json"]) with { Text = new TextSpec { MaximumLength = 4, Column = textKey }, LabelColumn = labelKey }, 1, 1);
        Assert.Equal((2, 2), (data.Training.Count, data.Test.Count));
        Assert.Equal(["off", "on"], data.Classes);
        Assert.Contains("turn", data.Training.Vocabulary!.Pieces);
    }

    [Fact]
    public void Labels_that_are_numbers_stay_apart()
    {
        File.WriteAllText(_folder["d.json"], """[["a b", 1], ["b c", 0], ["a b", 1], ["c d", 0]]""");
        Assert.Equal(["0", "1"], DataSets.Load(Spec(_folder["d.json"]), 1, 1).Classes);
    }

    [Theory]
    [InlineData("d.json", """[["a", "b"], {"text": "a"}]""", "sample 1 (counted from 0) is {\"text\": \"a\"}")]
    [InlineData("d.json", """[1]""", "sample 0 (counted from 0) is 1")]
    [InlineData("d.json", """{"train": [["a", "b"], ["a"]]}""", "sample 1 of split 'train'")]
    [InlineData("d.json", """{"learn": [["a", "b"]]}""", "no split 'train'; it has learn")]
    [InlineData("d.json", """{"train": [["a", null]]}""", "must be a text and a label")]
    [InlineData("d.json", """{"train": [[""", "d.json")]
    [InlineData("d.json", """{"train": []}""", "holds no samples")]
    [InlineData("d.csv", "a,b\n1,2\n", "which of them holds texts cannot be told; name it in data.text.column")]
    [InlineData("d.csv", "", "it is empty; a header line with column names is needed")]
    public void What_cannot_be_read_is_named(string name, string content, string message)
    {
        File.WriteAllText(_folder[name], content);
        Assert.Contains(message, Assert.Throws<BuildException>(() => DataSets.Load(Spec(_folder[name]), 1, 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_set_of_texts_holds_integers()
    {
        File.WriteAllText(_folder["d.json"],
            """{"train": [["yes", "on"], ["no", "off"], ["yes yes", "on"], ["no no", "off"]], "test": [["yes no", "off"]]}""");
        var data = DataSets.Load(Spec(_folder["d.json"]) with { Text = new TextSpec { MaximumLength = 4, TestSplits = ["test"] } }, 1, 1);
        ValidationSet.Write(_folder["v.npz"], "input", Splits.Subset(data.Test, 10, new Random(1)));
        using var file = File.OpenRead(_folder["v.npz"]);
        var arrays = Fleet.Contracts.Tensors.NpzArchive.Read(file, 1 << 20);
        Assert.Equal("i8", arrays["input"].Type);
        Assert.Equal(data.Test.Inputs.Select(value => (long)value), arrays["input"].ToInt64s());
    }
}
