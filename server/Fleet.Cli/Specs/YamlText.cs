using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Fleet.Cli.Specs;

/// <summary>
/// Reads YAML text into a tree with places. It takes the part of YAML that specs need, mappings, lists and scalars, and refuses the
/// rest (anchors, tags, several documents) by name: nothing in a spec should mean more than it shows.
/// </summary>
internal sealed class YamlText
{
    /// <summary>Levels of nesting: specs use four; a file with thousands would exhaust the stack.</summary>
    private const int MaximumDepth = 16;

    private readonly IParser _events;
    private readonly List<SpecProblem> _problems;

    private YamlText(IParser events, List<SpecProblem> problems) => (_events, _problems) = (events, problems);

    /// <summary>
    /// Reads the one document of <paramref name="text"/>; null when it does not read as YAML, which <paramref name="problems"/>
    /// then says.
    /// </summary>
    public static YamlNode? Read(string text, List<SpecProblem> problems)
    {
        try
        {
            var reader = new YamlText(new Parser(new StringReader(text)), problems);
            return reader.Document();
        }
        catch (YamlException e)
        {
            problems.Add(Explain(e, text));
            return null;
        }
    }

    private YamlNode? Document()
    {
        _events.Consume<StreamStart>();
        if (_events.TryConsume<StreamEnd>(out _))
        {
            _problems.Add(new SpecProblem(new Place(1, 1), "The file is empty."));
            return null;
        }
        _events.Consume<DocumentStart>();
        var root = Node(depth: 0);
        _events.Consume<DocumentEnd>();
        if (_events.TryConsume<DocumentStart>(out var second))
            _problems.Add(new SpecProblem(At(second.Start), "A second document begins here; a spec is one document."));
        return root;
    }

    private YamlNode Node(int depth)
    {
        if (depth > MaximumDepth)
            throw new YamlException(_events.Current!.Start, _events.Current.End, $"Nesting deeper than {MaximumDepth} levels is not read.");
        if (_events.TryConsume<AnchorAlias>(out var alias))
        {
            _problems.Add(new SpecProblem(At(alias.Start), $"Alias '*{alias.Value}' is not read here: write the value out."));
            return new YamlScalar("", true, At(alias.Start));
        }
        if (_events.Current is NodeEvent { Anchor.IsEmpty: false } anchored)
            _problems.Add(new SpecProblem(At(anchored.Start), $"Anchor '&{anchored.Anchor}' is not read here: write the value out where "
                + $"it is used."));
        if (_events.Current is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } } tagged)
            _problems.Add(new SpecProblem(At(tagged.Start), $"Tag '{tagged.Tag}' is not read here: types follow from the key."));

        if (_events.TryConsume<Scalar>(out var scalar))
            return new YamlScalar(scalar.Value, scalar.Style == ScalarStyle.Plain, At(scalar.Start));
        if (_events.TryConsume<SequenceStart>(out var sequence))
        {
            var items = new List<YamlNode>();
            while (!_events.TryConsume<SequenceEnd>(out _)) items.Add(Node(depth + 1));
            return new YamlSequence(items, At(sequence.Start));
        }
        return Mapping(_events.Consume<MappingStart>(), depth);
    }

    private YamlMapping Mapping(MappingStart start, int depth)
    {
        var entries = new List<YamlEntry>();
        while (!_events.TryConsume<MappingEnd>(out _))
        {
            var key = Node(depth + 1);
            var value = Node(depth + 1);
            if (key is not YamlScalar { Text: var name })
                _problems.Add(new SpecProblem(key.Place, "A key must be a word, not a list or a mapping."));
            else if (entries.Find(entry => entry.Key == name) is { } first)
                _problems.Add(new SpecProblem(key.Place, $"Key '{name}' is written twice; first in line {first.Place.Line}."));
            else
                entries.Add(new YamlEntry(name, key.Place, value));
        }
        return new YamlMapping(entries, At(start.Start));
    }

    private static Place At(Mark mark) => new(mark.Line, mark.Column);

    /// <summary>The scanner places an indenting tab at the start of the section around it; people look for the line that has it.</summary>
    private static SpecProblem Explain(YamlException e, string text)
    {
        var tab = text.Split('\n').Skip((int)e.Start.Line - 1).TakeWhile(line => !line.TakeWhile(char.IsWhiteSpace).Contains('\t')).Count();
        return e.Message.Contains("tab", StringComparison.OrdinalIgnoreCase)
            ? new SpecProblem(new Place(e.Start.Line + tab, 1), "The line is indented with a tab; YAML takes spaces only.")
            : new SpecProblem(At(e.Start), $"This is not valid YAML: {(e.InnerException ?? e).Message}");
    }
}
