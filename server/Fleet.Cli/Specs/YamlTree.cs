namespace Fleet.Cli.Specs;

/// <summary>Where something stands in a file, counted from 1.</summary>
internal readonly record struct Place(long Line, long Column);

/// <summary>What is wrong with a spec, and where.</summary>
internal sealed record SpecProblem(Place Place, string Message);

/// <summary>A node of a YAML file that remembers its place.</summary>
internal abstract record YamlNode(Place Place);

/// <summary>
/// One value. <paramref name="Plain"/> is true when it stands without quotes: only then may it be a number, a truth value or null.
/// </summary>
internal sealed record YamlScalar(string Text, bool Plain, Place Place) : YamlNode(Place);

/// <summary>A list.</summary>
internal sealed record YamlSequence(IReadOnlyList<YamlNode> Items, Place Place) : YamlNode(Place);

/// <summary>Keys and values in the order written, each key once.</summary>
internal sealed record YamlMapping(IReadOnlyList<YamlEntry> Entries, Place Place) : YamlNode(Place);

/// <summary>A key of a mapping and its value.</summary>
internal sealed record YamlEntry(string Key, Place Place, YamlNode Value);
