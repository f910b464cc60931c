namespace Fleet.Contracts;

/// <summary>The maximum of everything that is received. Past a limit a message is refused before it is parsed.</summary>
public static class Limits
{
    /// <summary>Characters of an MQTT topic.</summary>
    public const int TopicLength = 128;

    /// <summary>Characters of a device id, model name or label.</summary>
    public const int NameLength = 64;

    /// <summary>Bytes of one MQTT packet from a device.</summary>
    public const int MqttPacketBytes = 256 * 1024;

    /// <summary>Bytes of a signed manifest (the whole envelope).</summary>
    public const int ManifestBytes = 64 * 1024;

    /// <summary>Bytes of a desired state: a device runs a handful of models.</summary>
    public const int DesiredStateBytes = 512 * 1024;

    /// <summary>Bytes of the signed part of an order.</summary>
    public const int OrderBytes = 16 * 1024;

    /// <summary>Withdrawn releases that one order names.</summary>
    public const int WithdrawnPerOrder = 32;

    /// <summary>Files that one order has timed.</summary>
    public const int TimingsPerOrder = 4;

    /// <summary>Bytes of a file that a device times for a build, and of the samples it is run on.</summary>
    public const long TimedFileBytes = 8 * 1024 * 1024;

    /// <summary>Bytes of the signed part of a root.</summary>
    public const int RootBytes = 16 * 1024;

    /// <summary>Keys one root names.</summary>
    public const int KeysPerRoot = 16;

    /// <summary>Signatures of one envelope.</summary>
    public const int SignaturesPerEnvelope = 16;

    /// <summary>Roots of one message; a device that is further behind follows in several.</summary>
    public const int RootsPerMessage = 8;

    /// <summary>Bytes of a reported state.</summary>
    public const int ReportedStateBytes = 64 * 1024;

    /// <summary>Bytes of the signed part of a report that is carried in a file.</summary>
    public const int CarriedReportBytes = 8 * 1024 * 1024;

    /// <summary>Bytes of the file in which a report is carried.</summary>
    public const int ReportFileBytes = 12 * 1024 * 1024;

    /// <summary>Bytes of one telemetry message, packed and unpacked.</summary>
    public const int TelemetryBatchBytes = 128 * 1024;

    /// <summary>Batches of one telemetry pack.</summary>
    public const int BatchesPerPack = 60;

    /// <summary>Bytes of an enrollment request.</summary>
    public const int EnrollmentBytes = 32 * 1024;

    /// <summary>Bytes of the answer to an enrollment or a renewal.</summary>
    public const int EnrollmentAnswerBytes = 256 * 1024;

    /// <summary>Bytes of a request of the operators' API.</summary>
    public const int ApiRequestBytes = 1024 * 1024;

    /// <summary>Bytes of a build report.</summary>
    public const int BuildReportBytes = 8 * 1024 * 1024;

    /// <summary>Bytes of one artifact: a model variant or a validation set.</summary>
    public const long ArtifactBytes = 2L * 1024 * 1024 * 1024;

    /// <summary>Models one device runs.</summary>
    public const int ModelsPerDevice = 16;

    /// <summary>Variants one release holds.</summary>
    public const int VariantsPerRelease = 64;

    /// <summary>Variants of one model whose times a device reports.</summary>
    public const int VariantTimes = 16;

    /// <summary>Forms of networks, as devices measured them, that a worker is told of with a build.</summary>
    public const int MeasuredForms = 4096;

    /// <summary>Metrics of one set of scores, and thresholds of one gate.</summary>
    public const int MetricsPerScores = 64;

    /// <summary>Topics one device subscribes to at once.</summary>
    public const int SubscriptionsPerDevice = 16;

    /// <summary>Labels one device carries.</summary>
    public const int LabelsPerDevice = 32;

    /// <summary>Waves one rollout has.</summary>
    public const int WavesPerRollout = 50;

    /// <summary>Bytes of one inference request to the local endpoint.</summary>
    public const int InferenceRequestBytes = 32 * 1024 * 1024;

    /// <summary>Windows of streams that one request for predictions is answered for, each by a run of the model.</summary>
    public const int WindowsPerRequest = 1024;

    /// <summary>Characters of what a model's file says of how its input is made.</summary>
    public const int InputFormLength = 4 * 1024 * 1024;

    /// <summary>Columns of a table that a model takes rows of.</summary>
    public const int TableColumns = 4096;

    /// <summary>Words of one column that a model tells apart.</summary>
    public const int TableWords = 1024;

    /// <summary>Characters of the name of a column, or of a word in it.</summary>
    public const int TableWordLength = 256;

    /// <summary>Pieces of the vocabulary of a model that takes texts.</summary>
    public const int VocabularyPieces = 1024 * 1024;

    /// <summary>Characters of what a model's file says of its vocabulary.</summary>
    public const int VocabularyLength = 32 * 1024 * 1024;

    /// <summary>Pieces of a text that a model takes.</summary>
    public const int TextPieces = 64 * 1024;

    /// <summary>Characters of a message that describes a failure.</summary>
    public const int DetailLength = 2000;

    /// <summary>
    /// Cuts <paramref name="detail"/> at <paramref name="most"/> characters, so that a long message is reported rather than refused.
    /// </summary>
    public static string Detail(string detail, int most = DetailLength) => detail.Length <= most ? detail : detail[..(most - 1)] + "…";
}
