using System.Text.RegularExpressions;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>One room's use of another.</summary>
/// <param name="From">The room that uses.</param>
/// <param name="To">The room that is used.</param>
/// <param name="Where">File, line and what stands there.</param>
internal sealed record RoomUse(string From, string To, string Where);

/// <summary>
/// Who uses whom between the rooms of a project. A room is a folder directly below the project, its folders included. A file beside the
/// project file is a room of its own, except Program.cs, which puts the rooms together, and the serializer's list of every room's records.
/// </summary>
internal static partial class Rooms
{
    /// <summary>The product's projects, by their path in the repository.</summary>
    public static IEnumerable<string> Projects => ((string[])["shared", "agent", "server"])
        .Select(folder => Repository.PathOf(folder))
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(Repository.Root, Path.GetDirectoryName(file)!))
        .Order(StringComparer.Ordinal);

    /// <summary>Every use of one room by another in a project of the repository.</summary>
    public static IReadOnlyList<RoomUse> UsesIn(string project)
        => UsesIn(Path.GetFileName(project), project, Source.FilesIn(project).Concat(Source.FilesIn(project, "*.razor")));

    /// <summary>Every use of one room by another in the files of a project.</summary>
    /// <param name="name">The project's name, which is its root namespace.</param>
    /// <param name="folder">Where the paths of its files begin.</param>
    /// <param name="files">Its files.</param>
    public static IReadOnlyList<RoomUse> UsesIn(string name, string folder, IEnumerable<(string Path, string Text)> files)
    {
        var sources = files.Select(file => (file.Path, Room: RoomOf(folder, file.Path), Code: Source.CodeOf(file.Text)))
            .Where(file => file.Room != "Program.cs" && !Serializer().IsMatch(file.Code)).ToList();
        var patterns = sources.GroupBy(file => file.Room).ToDictionary(
            room => room.Key,
            room => Pattern(name, room.Key,
                [.. room.SelectMany(file => Declaration().Matches(file.Code)).Select(type => type.Groups[1].Value)]));
        return
        [
            .. from file in sources
               from pattern in patterns
               where pattern.Key != file.Room && !(IsFile(pattern.Key) && IsFile(file.Room))
               from use in pattern.Value.Matches(file.Code)
               select new RoomUse(file.Room, pattern.Key, $"{file.Path}:{LineOf(file.Code, use.Index)}: {use.Value}"),
        ];
    }

    /// <summary>The uses that lie on a circle: there is a way back from the room that is used to the room that uses.</summary>
    public static IReadOnlyList<RoomUse> OnCircles(IReadOnlyList<RoomUse> uses)
    {
        var next = uses.ToLookup(use => use.From, use => use.To);
        return [.. uses.Where(use => PathBetween(next, use.To, use.From) is not null)];
    }

    /// <summary>The shortest circle through a use, such as <c>Rollouts → Devices → Rollouts</c>.</summary>
    public static string CircleThrough(RoomUse use, IReadOnlyList<RoomUse> uses)
    {
        var back = PathBetween(uses.ToLookup(other => other.From, other => other.To), use.To, use.From);
        return back is null ? $"{use.From} → {use.To}" : string.Join(" → ", back.Prepend(use.From));
    }

    // Rooms from one to another, both included: breadth first, so the shortest.
    private static List<string>? PathBetween(ILookup<string, string> next, string from, string to)
    {
        var reached = new Dictionary<string, string?> { [from] = null };
        var queue = new Queue<string>([from]);
        while (queue.TryDequeue(out var room))
        {
            if (room == to)
            {
                var path = new List<string>();
                for (var at = room; at is not null; at = reached[at]) path.Insert(0, at);
                return path;
            }
            foreach (var other in next[room].Distinct().Order(StringComparer.Ordinal))
            {
                if (reached.TryAdd(other, room)) queue.Enqueue(other);
            }
        }
        return null;
    }

    // ServerLink.Reconnect.cs beside the project file belongs to ServerLink.cs.
    private static string RoomOf(string folder, string path)
        => Path.GetRelativePath(folder, path).Split('/') is [var room, _, ..] ? room : $"{Path.GetFileName(path).Split('.')[0]}.cs";

    private static bool IsFile(string room) => room.EndsWith(".cs", StringComparison.Ordinal);

    private static int LineOf(string text, int index) => text.AsSpan(0, index).Count('\n') + 1;

    // Unused using lines do not build, so a using line is a use. A type beside the project file is seen without one, by its name alone.
    private static Regex Pattern(string project, string room, HashSet<string> types)
    {
        var names = types.Count == 0 ? "(?!)" : string.Join('|', types.Select(Regex.Escape));
        return IsFile(room)
            ? new Regex($@"(?<![\w.@])(?:{Regex.Escape(project)}\.)?(?:{names})\b")
            : new Regex($@"(?<![\w.@])(?:global::)?(?:{Regex.Escape(project)}\.{room}\b|{room}\.(?:{names})\b)");
    }

    [GeneratedRegex(@"\b(?:class|struct|interface|enum|record(?:\s+(?:class|struct))?)\s+(\w+)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"class\s+\w+\s*:\s*JsonSerializerContext\b")]
    private static partial Regex Serializer();
}
