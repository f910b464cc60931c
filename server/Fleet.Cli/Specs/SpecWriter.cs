using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Specs;

/// <summary>Writes a build spec as YAML that people read and change: what is as it is when nothing is said is left out.</summary>
internal static partial class SpecWriter
{
    /// <summary>The spec as YAML; read again it is the same spec.</summary>
    public static string Write(BuildSpec spec)
    {
        var usual = Tree(new BuildSpec { Model = spec.Model, Seed = -1, Data = new DataSpec(), Teacher = new TeacherSpec { Width = -1 } });
        var text = new StringBuilder();
        var kept = Without(Tree(spec), usual);
        if (spec.Teacher == new TeacherSpec { Family = TeacherSpec.None })
            kept["teacher"] = TeacherSpec.None;
        Write(text, kept, 0);
        return text.ToString();
    }

    private static JsonObject Tree(BuildSpec spec) => (JsonObject)JsonSerializer.SerializeToNode(spec, FleetJson.Default.BuildSpec)!;

    private static JsonObject Without(JsonObject tree, JsonObject usual)
    {
        var kept = new JsonObject();
        foreach (var (key, value) in tree)
        {
            var other = usual[key];
            if (key != "model" && JsonNode.DeepEquals(value, other)) continue;
            var left = value is JsonObject section && other is JsonObject known ? Without(section, known) : value?.DeepClone();
            if (left is not JsonObject { Count: 0 }) kept[key] = left;
        }
        return kept;
    }

    private static void Write(StringBuilder text, JsonObject section, int depth)
    {
        foreach (var (key, value) in section)
        {
            text.Append(' ', 2 * depth).Append(key).Append(':');
            if (value is JsonObject inner)
            {
                text.Append('\n');
                Write(text, inner, depth + 1);
            }
            else
            {
                text.Append(' ').Append(Flow(value)).Append('\n');
            }
        }
    }

    // A word is written as it is; everything else is JSON, which YAML reads as well.
    private static string Flow(JsonNode? value) => value switch
    {
        JsonArray list => $"[{string.Join(", ", list.Select(Flow))}]",
        JsonValue one when one.GetValueKind() == JsonValueKind.String && Word().IsMatch(one.GetValue<string>()) => one.GetValue<string>(),
        JsonValue one when one.GetValueKind() == JsonValueKind.Number
            => decimal.TryParse(one.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                ? number.ToString(CultureInfo.InvariantCulture)
                : one.ToJsonString(),
        _ => value?.ToJsonString() ?? "null",
    };

    [GeneratedRegex("^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z/][A-Za-z0-9_./-]*$", RegexOptions.IgnoreCase)]
    private static partial Regex Word();
}
