namespace Fleet.Architecture.Tests;

/// <summary>
/// Rooms of a project do not use each other in a circle: what uses another can be read, tested and replaced without what uses it.
/// </summary>
public sealed class CircleTests
{
    public static readonly TheoryData<string> Projects = [.. Rooms.Projects];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Rooms_do_not_run_in_circles(string project)
    {
        var uses = Rooms.UsesIn(project);
        var circles = Rooms.OnCircles(uses)
            .GroupBy(use => Rooms.CircleThrough(use, uses))
            .Select(circle => $"{circle.Key}\n  {string.Join("\n  ", circle.Select(use => use.Where))}").ToList();
        Assert.True(circles.Count == 0,
            $"Rooms of {project} use each other in circles; move what both need, or hand it in:\n{string.Join('\n', circles)}");
    }

    [Fact]
    public void Circle_is_seen_whatever_way_a_room_is_named()
    {
        var files = new (string, string)[]
        {
            ("p/A/One.cs", "using Fleet.P.B;\nnamespace Fleet.P.A;\nclass One { Two _two; }"),
            ("p/B/Two.cs", "namespace Fleet.P.B;\nclass Two\n{\n    C.Three _three;\n}"),
            ("p/C/Deep/Three.cs", "namespace Fleet.P.C.Deep;\nclass Three { Four _four; }"),
            ("p/Four.cs", "namespace Fleet.P;\nclass Four { object _one = new global::Fleet.P.A.One(); }"),
            ("p/D/Five.cs", "using Fleet.P.A;\nnamespace Fleet.P.D;\n// Fleet.P.B and Four\nclass Five { string _text = \"Fleet.P.C\"; }"),
            ("p/Program.cs", "using Fleet.P.D;\nnew Five();"),
        };
        var uses = Rooms.UsesIn("Fleet.P", "p", files);
        Assert.Equal(["A B", "B C", "C Four.cs", "Four.cs A", "D A"], uses.Select(use => $"{use.From} {use.To}"));
        var circle = Rooms.OnCircles(uses);
        Assert.Equal(
            ["p/A/One.cs:1: Fleet.P.B", "p/B/Two.cs:4: C.Three", "p/C/Deep/Three.cs:2: Four", "p/Four.cs:2: global::Fleet.P.A"],
            circle.Select(use => use.Where));
        Assert.Equal("B → C → Four.cs → A → B", Rooms.CircleThrough(circle[1], uses));
    }

    [Fact]
    public void Rooms_are_named_by_using_lines_that_say_where()
        => Assert.All(Rooms.Projects.SelectMany(project => Source.FilesIn(project)),
            file => Assert.DoesNotMatch(@"(?m)^global using Fleet\.", file.Text));
}
