using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>The journals of all models. What is set here is on the disk before it is acted on.</summary>
internal sealed partial class Journals
{
    private readonly DataFolder _folder;
    private readonly ILogger<Journals> _logger;
    private volatile IReadOnlyDictionary<string, ModelJournal> _all;

    /// <summary>Reads what is there.</summary>
    public Journals(DataFolder folder, ILogger<Journals> logger)
    {
        (_folder, _logger) = (folder, logger);
        var all = new SortedDictionary<string, ModelJournal>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder.Journals, "*.json"))
        {
            try
            {
                if (JsonSerializer.Deserialize(File.ReadAllBytes(path), JournalJson.Default.ModelJournal) is { } journal) all[journal.Model] = journal;
            }
            catch (JsonException e)
            {
                // Kept aside, not deleted: the model is deployed anew, and someone may want to look.
                LogUnreadable(path, e.Message);
                File.Move(path, path + ".unreadable", overwrite: true);
            }
        }
        _all = all;
    }

    /// <summary>A snapshot of all journals.</summary>
    public IReadOnlyDictionary<string, ModelJournal> All => _all;

    /// <summary>The journal of a model; an empty one when it is new.</summary>
    public ModelJournal Of(string model) => _all.GetValueOrDefault(model) ?? new ModelJournal { Model = model };

    /// <summary>Writes a journal through to the disk. Only the deployment worker calls this.</summary>
    public void Write(ModelJournal journal)
    {
        DurableFile.Write(Path.Combine(_folder.Journals, journal.Model + ".json"), JsonSerializer.SerializeToUtf8Bytes(journal, JournalJson.Default.ModelJournal));
        _all = new SortedDictionary<string, ModelJournal>(_all.ToDictionary(), StringComparer.Ordinal) { [journal.Model] = journal };
    }

    [LoggerMessage(LogLevel.Error, "Journal {Path} does not read as one ({Reason}); it is put aside and the model is deployed anew.")]
    private partial void LogUnreadable(string path, string reason);
}
