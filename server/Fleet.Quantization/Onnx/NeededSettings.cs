using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// The session entries that a model needs wherever it is loaded, which stand in the metadata of its own file: a copy without report and
/// manifest keeps them. Threads and execution providers are the device's matter, and the level of optimization is the runtime's default.
/// </summary>
/// <param name="Entries">The entries.</param>
internal sealed partial record NeededSettings(IReadOnlyDictionary<string, string> Entries)
{
    /// <summary>Key of the file's metadata; its value is JSON, what of <see cref="RuntimeSettings"/> is not the default.</summary>
    public const string Key = "fleet.runtime";

    /// <summary>Makes the runtime widen signed 8-bit weights on x86-64, whose products saturate without VNNI; no other needs it.</summary>
    public const string QuantPrecision = "session.x64quantprecision";

    /// <summary>Has what dequantizes a constant folded at load like any other operator.</summary>
    public const string NoQuantized = "session.disable_quant_qdq";

    /// <summary>Optimizers of the runtime that are left out.</summary>
    public const string DisabledOptimizers = "optimization.disable_specified_optimizers";

    /// <summary>How products with weights of few bits are computed.</summary>
    public const string FewBitsAccuracy = "session.qdq_matmulnbits_accuracy_level";

    /// <summary>Most characters that are read of what a file says: files come from anywhere.</summary>
    public const int MaximumCharacters = 1024;

    private const string SessionEntries = "sessionEntries";

    /// <summary>
    /// What a file may set, and to what: these change how a model is computed, and reach nothing outside its session. The runtime takes a
    /// value that it does not know for none, without a word.
    /// </summary>
    private static readonly FrozenDictionary<string, string[]> Known = new Dictionary<string, string[]>
    {
        [QuantPrecision] = ["0", "1"],
        [NoQuantized] = ["0", "1"],
        [DisabledOptimizers] = ["MatMulAddFusion"],
        [FewBitsAccuracy] = ["0", "1", "2", "3", "4"],
    }.ToFrozenDictionary();

    /// <summary>Operators of which a model computes in integers.</summary>
    private static readonly FrozenSet<string> IntegerOperators = [
        "QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul", "QLinearConv", "QLinearMatMul",
    ];

    /// <summary>What of the file's word was left out and why, a sentence each.</summary>
    public IReadOnlyList<string> Ignored { get; init; } = [];

    /// <summary>What a model needs: what its form does, and a guard where products of signed bytes would saturate.</summary>
    /// <param name="model">The model.</param>
    /// <param name="ofForm">What its form needs.</param>
    public static NeededSettings Of(ModelProto model, IReadOnlyDictionary<string, string> ofForm)
    {
        // With its handling of quantized operators off the runtime computes nothing in integers.
        var guarded = !ofForm.ContainsKey(NoQuantized)
            && Scopes.NodesOf(model.Graph).Any(node => IntegerOperators.Contains(node.OpType)) && SaturatingPairs.In(model);
        return new NeededSettings(guarded ? ofForm.Append(new(QuantPrecision, "1")).ToDictionary() : ofForm);
    }

    /// <summary>What a file says of itself; nothing where it says nothing.</summary>
    public static NeededSettings In(ModelProto model)
    {
        var (entries, ignored) = (new Dictionary<string, string>(), new List<string>());
        if (model.MetadataProps.LastOrDefault(entry => entry.Key == Key)?.Value is not { } said) return new NeededSettings(entries);
        try
        {
            if (said.Length > MaximumCharacters) throw new JsonException();
            foreach (var (name, value) in JsonNode.Parse(said)?.AsObject() ?? [])
            {
                if (name == SessionEntries) Take(value?.AsObject() ?? [], entries, ignored);
                else ignored.Add($"The file asks for {Shown(name, "a name")}, which a file has no say in; it was ignored.");
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            ignored.Add($"What the file says of its settings ({Key} in its metadata) is no JSON object of at most {MaximumCharacters} "
                + "characters; it was ignored.");
        }
        return new NeededSettings(entries) { Ignored = ignored };
    }

    /// <summary>What the file says, and what of it was left out, in sentences.</summary>
    public IReadOnlyList<string> InWords()
        => [
            .. Entries.Count == 0
                ? Array.Empty<string>()
                : [$"Wherever it is loaded it needs {new RuntimeSettings { SessionEntries = Entries }.EntriesText()}, its file says."],
            .. Ignored,
        ];

    /// <summary>Writes them into a model, in the place of what it said before.</summary>
    public void WriteTo(ModelProto model)
    {
        foreach (var old in model.MetadataProps.Where(entry => entry.Key == Key).ToArray()) model.MetadataProps.Remove(old);
        if (Entries.Count == 0) return;
        var entries = new JsonObject(Entries.OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value)));
        model.MetadataProps.Add(
            new StringStringEntryProto { Key = Key, Value = new JsonObject { [SessionEntries] = entries }.ToJsonString() });
    }

    /// <summary>A profile's settings with these; whether saturation needs a guard is the profile's say.</summary>
    public RuntimeSettings Over(RuntimeSettings profile)
    {
        var entries = profile.SessionEntries.ToDictionary();
        foreach (var (key, value) in Entries.Where(entry => entry.Key != QuantPrecision)) entries[key] = value;
        return profile with { SessionEntries = entries };
    }

    /// <summary>Settings without the guard, for what cannot saturate.</summary>
    public static RuntimeSettings Unguarded(RuntimeSettings settings)
        => settings with { SessionEntries = settings.SessionEntries.Where(entry => entry.Key != QuantPrecision).ToDictionary() };

    private static void Take(JsonObject said, Dictionary<string, string> entries, List<string> ignored)
    {
        foreach (var (key, value) in said)
        {
            if (!Known.TryGetValue(key, out var values))
                ignored.Add($"The file asks for the session entry {Shown(key, "a name")}, which is not known; it was ignored.");
            else if (value is not JsonValue text || !text.TryGetValue<string>(out var setting))
                ignored.Add($"The file asks for the session entry {key} with a value that is no text; it was ignored.");
            else if (values.Contains(setting))
                entries[key] = setting;
            else
                ignored.Add($"The file asks for the session entry {key} with {Shown(setting, "a value")}, which is not "
                    + $"{string.Join(" or ", values)}; it was ignored.");
        }
    }

    /// <summary>A word of somebody's file, for a sentence; what might not be one is counted only.</summary>
    private static string Shown(string word, string what)
        => word.Length <= 64 && Name().IsMatch(word) ? word : $"{what} of {word.Length} characters";

    [GeneratedRegex("^[A-Za-z0-9_.;,-]+\\z")]
    private static partial Regex Name();
}
