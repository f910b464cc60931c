namespace Fleet.Server.Settings;

/// <summary>
/// The settings of one room: a record whose values are the defaults and whose properties carry a sentence each, which
/// <c>--help</c> prints and the pages beside the code repeat.
/// </summary>
internal interface IRoomSettings
{
    /// <summary>The configuration section that holds them, such as <c>Fleet:Builds</c>.</summary>
    string Section { get; }

    /// <summary>The same settings with every path made whole: a relative one starts at the folder the server was started in.</summary>
    IRoomSettings WithWholePaths();

    /// <summary>Every rule they break, with the key, the value and what is allowed.</summary>
    IReadOnlyList<string> Problems();
}
