namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// What Intel Neural Compressor and NNCF publish of models that are of a kind with the contest's: neither Debian nor npm has them
/// (<c>apt-cache policy</c> and <c>npm view</c>, 2026-11-29), so that they cannot take part in it.
/// </summary>
internal static class PublishedFigures
{
    private const string Compressor = "Intel Neural Compressor";

    /// <summary>What stands above them.</summary>
    public const string Heading = "## What others publish";

    /// <summary>Which of our models is of the same kind, what was published, and of which model.</summary>
    private static readonly (string Ours, string Tool, string Model, string Form, string Int8, string Fp32, string Speed)[] Rows = [
        ("UltraFace RFB-320", Compressor, "Ultra Face (ONNX Model Zoo)", "static", "83.23 %", "83.65 %", "4.42"),
        ("MiniLM-L6", Compressor, "MiniLM L6 H384 uncased, SST-2", "static", "89.45 %", "90.14 %", "1.80"),
        ("MiniLM-L6", Compressor, "MiniLM L6 H384 uncased, SST-2", "dynamic", "89.91 %", "90.14 %", "1.78"),
        ("PP-OCR direction", Compressor, "MobileNet V3 MLPerf", "static", "75.56 %", "75.74 %", "2.13"),
        ("MCUNet", Compressor, "MobileNet V2 (ONNX Model Zoo)", "static", "68.38 %", "69.48 %", "1.69"),
        ("MCUNet", "NNCF", "MobileNet V2, ONNX", "static", "71.38 %", "71.87 %", ""),
        ("decoder, trained", Compressor, "GPT2, WikiText, perplexity", "static", "30.25", "29.00", "1.29"),
        ("decoder, trained", Compressor, "GPT2, WikiText, perplexity", "dynamic", "29.68", "29.00", "1.39"),
    ];

    /// <summary>The figures, beside those of what was chosen of ours.</summary>
    public static string Beside(ContestTable table) => $"""
        {Heading}

        Neither Debian nor npm offers Intel Neural Compressor or NNCF, so their published figures stand here. They were measured by their
        makers on labelled data and, for speed, as throughput of 14 instances with 4 cores each of an Intel Xeon Platinum 8480+ at batch 1.
        Models, data, processor and measure differ from ours: the lines show the size of what is lost and won, not who is ahead.

        | our model | of ours, chosen: decided as fp32 | x fp32 as given | tool | its model | form | int8 | fp32 | x fp32 |
        |---|--:|--:|---|---|---|--:|--:|--:|
        {string.Join('\n', Rows.Select(row => Line(row, table.ChosenOf(row.Ours))))}

        Sources: `docs/source/validated_model_list.md` of github.com/intel/neural-compressor at 012522ef (tests of 2023-06-19; static is
        what it calls qlinearops or qdq, dynamic integerops), `docs/ModelZoo.md` of github.com/openvinotoolkit/nncf at 05fa660c (accuracy
        alone; fp32 is the published figure and its drop of 0.49).
        """;

    private static string Line(
        (string Ours, string Tool, string Model, string Form, string Int8, string Fp32, string Speed) row,
        (string Alike, string Speed) ours)
        => $"| {row.Ours} | {ours.Alike} | {ours.Speed} | {row.Tool} | {row.Model} | {row.Form} | {row.Int8} | {row.Fp32} | {row.Speed} |";
}
