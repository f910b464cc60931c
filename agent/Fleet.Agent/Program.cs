using Fleet.Agent.Run;

// Contents page: what the program can be asked to do.
return args switch
{
    // Hidden: the agent starts itself with these, and only these processes load ONNX Runtime.
    ["infer-host", ..] or ["validate", ..] => 2,
    // enroll, run, self-check
    _ => await CommandLine.RunAsync(args),
};
