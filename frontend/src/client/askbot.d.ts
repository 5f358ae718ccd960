/**
 * Ask an Askbot relay, and read the answer as it is written, across dropped connections.
 *
 * This file stands alone: no dependencies, no build step. Copy it into your own page, with
 * `askbot.d.ts` beside it if the page is written in TypeScript. Askbot's page uses it as it is.
 *
 *     import { ask } from './askbot.js'
 *
 *     const answer = await ask({
 *       url: 'https://relay.example',
 *       question: 'Why is the sky blue?',
 *       onText: (text) => { paragraph.textContent = text },
 *     })
 *
 * The interface comes first: `ask`, `resume`, `stop`, `progress`, `personas` and `newKey`, and then their types. The
 * implementation follows in three parts:
 *
 * 1. Reading. The bytes of a reply become text as they arrive.
 * 2. Resuming. The relay keeps the answer under the question's key. After a broken connection the client
 *    requests the rest, from the byte where it broke. At the end it compares the answer with the relay's
 *    receipt, because some proxies make a cut look like an end.
 * 3. Requests and errors. Which requests are tried again, and the `AskbotError` when that does not help.
 */
/**
 * Ask, and resolve once the answer is whole or was stopped. Without a `persona` the relay's default one answers.
 *
 * Rejects with an `AskbotError` when there is no answer, or only a part of one. The relay refuses a question
 * with a status and the body `{"error": {"code": "...", "message": "...", "request_id": "..."}}`; the error has
 * all of these. After the head of a reply a failure has no status: the relay can only cut the connection. Then
 * the error has the message of the receipt.
 *
 * @param {Asked & Options & { persona?: string | undefined }} request
 * @returns {Promise<Answer>}
 */
export declare function ask({ persona, ...options }: Asked & Options & {
    persona?: string | undefined;
}): Promise<Answer>;
/**
 * Resume the answer to `key`, after a reload for example. `text` is the part that the page has, and `etag` came
 * with it from `onText` or an error. Without the `etag` the rest may belong to another writing.
 *
 * @param {Options & { key: string, text?: string | undefined, etag?: string | null | undefined }} request
 * @returns {Promise<Answer>}
 */
export declare function resume({ text, etag, ...options }: Options & {
    key: string;
    text?: string | undefined;
    etag?: string | null | undefined;
}): Promise<Answer>;
/**
 * Stop the answer to `key`, and its cost. The text so far stays readable.
 *
 * Rejects with an `AskbotError` when the relay could not be reached, or refuses.
 *
 * @param {Pick<Options, 'url' | 'token' | 'backOffMs'> & { key: string }} request
 */
export declare function stop({ key, ...options }: Pick<Options, 'url' | 'token' | 'backOffMs'> & {
    key: string;
}): Promise<void>;
/**
 * The relay's record of the answer to `key`. While the answer is running it tells what the model does.
 *
 * Rejects with an `AskbotError` when the relay could not be reached, or does not know the answer.
 *
 * @param {Pick<Options, 'url' | 'token' | 'signal'> & { key: string }} request
 * @returns {Promise<Receipt>}
 */
export declare function progress({ key, ...options }: Pick<Options, 'url' | 'token' | 'signal'> & {
    key: string;
}): Promise<Receipt>;
/**
 * The relay's personas, in the given language if they have it.
 *
 * Rejects with an `AskbotError` when the relay cannot be reached, or refuses.
 *
 * @param {Pick<Options, 'url' | 'token' | 'signal'> & { language?: string | undefined }} [request]
 * @returns {Promise<{ default: string, personas: Persona[] }>}
 */
export declare function personas({ language, ...options }?: Pick<Options, 'url' | 'token' | 'signal'> & {
    language?: string | undefined;
}): Promise<{
    default: string;
    personas: Persona[];
}>;
/** A key for a question: a random UUID (RFC 9562). Works on a page over plain HTTP too. */
export declare function newKey(): string;
export type Message = {
    role: 'user' | 'assistant';
    content: string | readonly Part[];
};
export type Part = {
    type: 'text';
    text: string;
} | {
    type: 'image_url';
    image_url: {
        url: string;
    };
};
export type Asked = {
    question: string;
} | {
    messages: readonly Message[];
};
export type Options = {
    /**
     * The relay's address. The default is the page's own origin.
     */
    url?: string | undefined;
    /**
     * The access code, if the relay needs one. It is sent as a bearer token (RFC 6750).
     */
    token?: string | undefined;
    /**
     * A UUID that you make, for `resume` and `stop`. Keep it secret.
     */
    key?: string | undefined;
    /**
     * Ends the reading. The relay goes on for a while; `stop` ends the answer.
     */
    signal?: AbortSignal | undefined;
    /**
     * Called whenever the text changes, with the
     * whole answer so far: show it in place of the last one. The text grows. If the answer had to be written again, it
     * starts over with ''. `etag` identifies the writing: store both to `resume` after a reload.
     */
    onText?: ((text: string, etag: string | null) => void) | undefined;
    /**
     * The first pause before a broken connection is tried again; later ones are longer.
     */
    backOffMs?: number | undefined;
};
export type Receipt = {
    state: 'running' | 'finished' | 'stopped' | 'failed';
    /**
     * What the model does; null after the end.
     */
    phase: 'waiting' | 'thinking' | 'answering' | null;
    bytes: number;
    finish_reason: string | null;
    usage: {
        prompt_tokens: number;
        completion_tokens: number;
        total_tokens: number;
        reasoning_tokens?: number;
    } | null;
    error: {
        code: string;
        message: string;
    } | null;
    first_token_ms: number | null;
    /**
     * From the first thought to the first text.
     */
    thinking_ms: number | null;
    duration_ms: number | null;
    model: string | null;
    /**
     * The thoughts so far, while the model thinks, if the relay shows them.
     */
    thinking?: string;
};
export type Answer = {
    state: 'finished' | 'stopped';
    text: string;
    /**
     * The completion's id, if the relay has made one.
     */
    id: string | null;
    /**
     * The id to quote in a question to the operator.
     */
    requestId: string | null;
    /**
     * Null if the relay has none, or if the reading was aborted.
     */
    receipt: Receipt | null;
};
export type Persona = {
    id: string;
    name: string;
    description: string;
    greeting: string;
    suggestions: string[];
    accepts_images: boolean;
};
/**
 * The reason why there is no answer, or only a part of one.
 *
 * `code` is the relay's (`upstream_rate_limited`, `upstream_timeout`, ...) or one of the client's three:
 *
 * - `unreachable`: no reply at all (no network, no relay, or a relay that does not allow this page)
 * - `unexpected_response`: a reply that is not the relay's, such as a host's error page
 * - `cut`: the answer broke off; `text` is the part that has arrived
 *
 * If `canResume` is true, the relay may still have the rest. `resume` with the same `text` and `etag` gets it
 * without asking the model again.
 */
export declare class AskbotError extends Error {
    code: string;
    status: number | null;
    requestId: string | null;
    retryAfterSeconds: number | null;
    text: string;
    etag: string | null;
    canResume: boolean;
    /**
     * @param {string} code
     * @param {string} message
     * @param {{ status?: number | null, requestId?: string | null, retryAfterSeconds?: number | null, text?: string, etag?: string | null, canResume?: boolean, cause?: unknown }} [details]
     */
    constructor(code: string, message: string, { status, requestId, retryAfterSeconds, text, etag, canResume, cause }?: {
        status?: number | null;
        requestId?: string | null;
        retryAfterSeconds?: number | null;
        text?: string;
        etag?: string | null;
        canResume?: boolean;
        cause?: unknown;
    });
}
