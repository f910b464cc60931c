using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Specs;

/// <summary>
/// Turns a YAML tree into the JSON of a contract record, guided by the record's own generated metadata: which keys exist, which are
/// required, what type each has. Scalars are typed by YAML's core schema. Every problem is collected, none stops the reading.
/// </summary>
internal sealed partial class YamlToJson(JsonSerializerOptions options, List<SpecProblem> problems)
{
    /// <summary>Where each key path, such as <c>student.width</c>, was written.</summary>
    public Dictionary<string, Place> Places { get; } = [];

    /// <summary>The JSON of <paramref name="node"/> as <paramref name="type"/>, or null when a problem was found in it.</summary>
    public JsonNode? Convert(YamlNode node, Type type, string path)
    {
        Places.TryAdd(path, node.Place);
        var target = Nullable.GetUnderlyingType(type) ?? type;
        if (ElementOf(target) is { } element) return List(node, target, element, path);
        var info = options.GetTypeInfo(target);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object => Object(node, info, path),
            JsonTypeInfoKind.Dictionary => Dictionary(node, info.ElementType!, path),
            _ => node is YamlScalar scalar
                ? Scalar(scalar, target, path)
                : Refuse(node, $"{path} is {Kind(node)}; {Expected(target)} is expected."),
        };
    }

    private JsonObject? Object(YamlNode node, JsonTypeInfo info, string path)
    {
        if (info.Type == typeof(TeacherSpec) && node is YamlScalar { Text: TeacherSpec.None })
            return new JsonObject { ["family"] = TeacherSpec.None };
        if (node is not YamlMapping mapping)
            return Refuse<JsonObject>(
                node, $"{(path.Length == 0 ? "The file" : path)} is {Kind(node)}; keys are expected: {string.Join(", ", KeysOf(info))}.");
        var result = new JsonObject();
        foreach (var entry in mapping.Entries)
        {
            var entryPath = path.Length == 0 ? entry.Key : $"{path}.{entry.Key}";
            Places[entryPath] = entry.Place;
            if (info.Properties.FirstOrDefault(property => property.Name == entry.Key) is not { } property)
                Refuse(entry.Place, Unknown(entry.Key, path, entryPath, info));
            else if (IsNull(entry.Value) && property.IsSetNullable)
                result[entry.Key] = null;
            else if (IsNull(entry.Value))
                Refuse(entry.Place, $"{entryPath} has no value; {Expected(property.PropertyType)} is expected, or leave the key out.");
            else
                result[entry.Key] = Convert(entry.Value, property.PropertyType, entryPath);
        }
        RefuseMissing(mapping, info, path);
        return result;
    }

    private void RefuseMissing(YamlMapping mapping, JsonTypeInfo info, string path)
    {
        foreach (var missing
            in info.Properties.Where(property => property.IsRequired && mapping.Entries.All(entry => entry.Key != property.Name)))
            Refuse(mapping.Place, $"{(path.Length == 0 ? "" : path + ".")}{missing.Name} is missing; {Expected(missing.PropertyType)} is "
                + $"required.");
    }

    /// <summary>Keys of a person's own choice, such as session entries.</summary>
    private JsonObject? Dictionary(YamlNode node, Type element, string path)
    {
        if (node is not YamlMapping mapping)
            return Refuse<JsonObject>(node, $"{path} is {Kind(node)}; keys with values, each {Expected(element)}, are expected.");
        var result = new JsonObject();
        foreach (var entry in mapping.Entries) result[entry.Key] = Convert(entry.Value, element, $"{path}.{entry.Key}");
        return result;
    }

    private JsonArray? List(YamlNode node, Type type, Type element, string path)
    {
        // One text may stand for a list of one: `schemes: auto`.
        var isText = element == typeof(string) || element == typeof(StatePair) || element == typeof(LayerBits)
            || element == typeof(InputShape);
        if (node is YamlScalar scalar && isText && Scalar(scalar, element, path) is { } only) return new JsonArray(only);
        if (node is not YamlSequence sequence) return Refuse<JsonArray>(node, $"{path} is {Kind(node)}; {Expected(type)} is expected.");
        return new JsonArray([.. sequence.Items.Select((item, index) => Convert(item, element, $"{path}[{index}]"))]);
    }

    private JsonNode? Scalar(YamlScalar scalar, Type type, string path)
    {
        var (text, plain) = (scalar.Text, scalar.Plain);
        JsonNode? value = type switch
        {
            _ when type == typeof(string) && !(plain && (IsNull(scalar) || Truth().IsMatch(text) || Number().IsMatch(text)))
                => JsonValue.Create(text),
            _ when type == typeof(bool) && plain && Truth().IsMatch(text) => JsonValue.Create(text[0] is 't' or 'T'),
            _ when type == typeof(int) && plain && int.TryParse(
                text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
            _ when type.IsEnum && WordsOf(type).Contains(text) => JsonValue.Create(text),
            _ when type == typeof(StudentWidth) && int.TryParse(
                text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
            _ when type == typeof(StudentWidth) && text == StudentWidth.AutoWord => JsonValue.Create(text),
            _ when type == typeof(StatePair) && StatePair.TryParse(text, out _) => JsonValue.Create(text),
            _ when type == typeof(LayerBits) && LayerBits.TryParse(text, out _) => JsonValue.Create(text),
            _ when type == typeof(InputShape) && InputShape.TryParse(text, out _) => JsonValue.Create(text),
            _ when type == typeof(long) && plain && long.TryParse(
                text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
            _ when type == typeof(double) && plain && Number().IsMatch(text)
                && double.Parse(text, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) => JsonValue.Create(number),
            _ when type == typeof(TimeSpan) && DurationText.TryParse(text, out var duration)
                => JsonValue.Create(duration.ToString("c", CultureInfo.InvariantCulture)),
            _ => null,
        };
        if (value is not null) return value;
        var quote = type == typeof(string) ? $" Write \"{text}\" in quotes if text is meant." : "";
        return Refuse(scalar, $"{path} is {(plain ? text : $"\"{text}\"")}; {Expected(type)} is expected.{quote}");
    }

    /// <summary>
    /// What a list holds; null when the type is not a list. Asked of the type: a list with a converter of its own hides it in its
    /// metadata.
    /// </summary>
    private static Type? ElementOf(Type type)
        => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    private static bool IsNull(YamlNode node) => node is YamlScalar { Plain: true, Text: "" or "~" or "null" or "Null" or "NULL" };

    [GeneratedRegex("^(?:true|True|TRUE|false|False|FALSE)$")]
    private static partial Regex Truth();

    // The core schema's integers and floats; infinities and not-a-number have no place in a spec.
    [GeneratedRegex(@"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")]
    private static partial Regex Number();
}
