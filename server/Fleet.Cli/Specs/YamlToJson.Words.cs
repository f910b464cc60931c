using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Specs;

/// <summary>The part that says what was expected in place of what was found.</summary>
internal sealed partial class YamlToJson
{
    private string Unknown(string key, string path, string entryPath, JsonTypeInfo info)
    {
        var keys = KeysOf(info);
        var message = $"{entryPath} is not a known key";
        if (NearestWord.Of(key, keys) is { } near) return $"{message}; did you mean '{near}'? Known here: {string.Join(", ", keys)}.";
        // People write a nested key one level too high: `epochs` under `teacher` is a key of `teacher.training`.
        var deeper = info.Properties.FirstOrDefault(
            property => Type(property) is { Kind: JsonTypeInfoKind.Object } child && KeysOf(child).Contains(key));
        var hint = deeper is null ? "" : $"; it belongs under {(path.Length == 0 ? "" : path + ".")}{deeper.Name}";
        return $"{message}{hint}. Known here: {string.Join(", ", keys)}.";

        JsonTypeInfo Type(JsonPropertyInfo property)
            => options.GetTypeInfo(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType);
    }

    private string Expected(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return "a text";
        if (type == typeof(bool)) return "true or false";
        if (type == typeof(int) || type == typeof(long)) return "a whole number";
        if (type == typeof(StudentWidth)) return $"a whole number or {StudentWidth.AutoWord}";
        if (type == typeof(StatePair)) return StatePair.Form;
        if (type == typeof(LayerBits)) return LayerBits.Form;
        if (type == typeof(InputShape)) return InputShape.Form;
        if (type == typeof(double)) return "a number";
        if (type == typeof(TimeSpan)) return DurationText.Rule;
        if (type.IsEnum) return $"one of {string.Join(", ", WordsOf(type))}";
        return ElementOf(type) is { } element
            ? $"a list, each item {Expected(element)},"
            : $"a section with {string.Join(", ", KeysOf(options.GetTypeInfo(type)))}";
    }

    /// <summary>The values of an enumeration as they stand in JSON.</summary>
    private static string[] WordsOf(Type type) => [.. Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName)];

    private static List<string> KeysOf(JsonTypeInfo info) => [.. info.Properties.Select(property => property.Name)];

    private static string Kind(YamlNode node) => node switch
    {
        YamlSequence => "a list",
        YamlMapping => "a section",
        YamlScalar { Plain: true, Text: "" } => "empty",
        YamlScalar scalar => $"'{scalar.Text}'",
        _ => "something else",
    };

    private JsonNode? Refuse(YamlNode node, string message) => Refuse<JsonNode>(node, message);

    private T? Refuse<T>(YamlNode node, string message) where T : JsonNode
    {
        Refuse(node.Place, message);
        return null;
    }

    private void Refuse(Place place, string message) => problems.Add(new SpecProblem(place, message));
}
