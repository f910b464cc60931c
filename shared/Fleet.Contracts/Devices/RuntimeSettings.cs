namespace Fleet.Contracts.Devices;

/// <summary>What the inference host sets when it loads a variant.</summary>
public sealed record RuntimeSettings
{
    /// <summary>Execution providers in order of preference; those the device lacks are skipped, the CPU is always last.</summary>
    public IReadOnlyList<string> ExecutionProviders { get; set; } = ["CPUExecutionProvider"];

    /// <summary>Threads inside one operator; 0 leaves it to the device.</summary>
    public int IntraOpThreads { get; set; } = 1;

    /// <summary>ONNX Runtime session configuration entries, such as <c>session.x64quantprecision</c>.</summary>
    public IReadOnlyDictionary<string, string> SessionEntries { get; set; } = new Dictionary<string, string>();

    /// <summary>The session entries as text, such as <c>session.x64quantprecision=1</c>, apart by spaces.</summary>
    public string EntriesText() => string.Join(' ',
        SessionEntries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}"));

    /// <summary>
    /// These settings on a processor with <paramref name="isaFlags"/>: what guards against 8-bit products that saturate is left
    /// out where VNNI multiplies without saturating, since it only costs there (1.7 times the latency of a small CNN).
    /// </summary>
    public RuntimeSettings On(IReadOnlyList<string> isaFlags)
        => SessionEntries.ContainsKey(QuantPrecision) && HasVnni(isaFlags)
            ? this with { SessionEntries = SessionEntries.Where(entry => entry.Key != QuantPrecision).ToDictionary() }
            : this;

    /// <summary>
    /// The same on a machine where 8-bit products would saturate, so that they do not: operators between quantized tensors are computed in
    /// float, from the integers of the model, and operators of integers with exact products. What another processor computes is then
    /// computed here, but not as fast.
    /// </summary>
    /// <param name="isaFlags">Instruction sets of the machine.</param>
    public RuntimeSettings Exact(IReadOnlyList<string> isaFlags)
    {
        if (HasVnni(isaFlags) || !isaFlags.Contains("sse2")) return this;
        var entries = new Dictionary<string, string>(SessionEntries);
        foreach (var entry in (string[])[NoIntegers, QuantPrecision]) entries.TryAdd(entry, "1");
        return this with { SessionEntries = entries };
    }

    private static bool HasVnni(IReadOnlyList<string> isaFlags) => isaFlags.Contains("avx512_vnni") || isaFlags.Contains("avx_vnni");

    private const string QuantPrecision = "session.x64quantprecision", NoIntegers = "session.disable_quant_qdq";
}
