namespace Fleet.Contracts.Builds;

/// <summary>
/// How labelled texts are read: from JSON <c>{"train": [["text", "label"], ...], "test": ...}</c>, from one such list, or from a table:
/// CSV, TSV, JSON with an object a line, Parquet.
/// </summary>
public sealed record TextSpec
{
    /// <summary>
    /// Tables: name of the column that holds the text; absent: found out. JSON whose samples are objects: the key; absent: <c>text</c>.
    /// </summary>
    public string? Column { get; init; }

    /// <summary>JSON: the splits to learn from; absent: <c>train</c>.</summary>
    public IReadOnlyList<string>? TrainSplits { get; init; }

    /// <summary>JSON: the splits of the training file to select the best epoch by; absent: cut from the training samples.</summary>
    public IReadOnlyList<string>? ValidationSplits { get; init; }

    /// <summary>JSON: the splits to judge by, of the test file or, without one, of the training file.</summary>
    public IReadOnlyList<string>? TestSplits { get; init; }

    /// <summary>Pieces that a sample holds; a longer text is cut, a shorter one filled up. Time grows with it.</summary>
    public int MaximumLength { get; set; } = 32;

    /// <summary>Most pieces of the vocabulary, which is learned from the training texts and travels in the model.</summary>
    public int VocabularySize { get; set; } = 8192;
}
